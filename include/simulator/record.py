"""What writers of formats other than EMIS's need to know of rows, so that each need not work it out for itself."""

import functools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.consents import consents
from simulator.draws import Numbers
from simulator.emis.layout import COLUMNS, OBSERVATION
from simulator.emis.nights import Night
from simulator.facts import Facts, Rows
from simulator.practice import Practice
from simulator.roster import NEVER

_HEX_OF_GUID = [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16, 17]  # where the first fifteen digits stand
_BITS = 58
_SPLIT = ("CareRecord_Problem", "CareRecord_ObservationReferral")
_EIGHTEEN_DIGITS = 10**17


def id_column(rows: Rows) -> str:
    """The id of a record is always the first column of its file."""
    return COLUMNS[rows.file][0]


def plain(guids: pa.Array) -> pa.Array:
    """GUIDs without braces, in lower case, as most others spell them."""
    return pc.utf8_lower(pc.utf8_trim(guids, characters="{}"))


def numbered(guids: pa.Array) -> pa.Array:
    """A number of eighteen digits for each GUID, always the same one; empty where it is empty."""
    present = pc.greater(pc.utf8_length(guids), 0)
    numbers = np.zeros(len(guids), np.int64)
    numbers[present.to_numpy(zero_copy_only=False)] = _numbers(guids.filter(present))
    return pc.if_else(present, pa.array(numbers).cast(pa.string()), "")


def of_patients(rows: Rows, column: pa.Array) -> pa.Array:
    """For each row, what a column with one element a patient says of its patient; empty for nobody and strangers."""
    patient = _facts(rows).patient
    known = pa.array(patient >= 0)
    return pc.if_else(known, column.take(pa.array(np.maximum(patient, 0))), "")


def nhs_numbers(source: Practice, rows: Rows) -> pa.Array:
    """As they stand in the record: some with spaces, some wrong, some empty."""
    return of_patients(rows, source.roster.nhs_number)


def observations_behind(source: Practice, night: int, rows: Rows) -> Rows:
    """For each problem or referral, the observation it is about, as last written by a night.

    EMIS splits one thing over two files that share a GUID; most formats do not. Raises ValueError where one is missing.
    """
    every, place_of = _every_observation_behind(source, night)
    places = [place_of.get(guid) for guid in rows.columns["ObservationGuid"].to_pylist()]
    if None in places:
        raise ValueError(f"{rows.file} has rows about no observation.")
    return taken(every, np.array(places, np.int64))


@functools.lru_cache(maxsize=1)  # asked for again and again while one delivery is written
def _every_observation_behind(source: Practice, night: int) -> tuple[Rows, dict[str, int]]:
    nights = [_night(source, number) for number in range(1, night + 1)]
    about = [rows.columns["ObservationGuid"] for each in nights for file in _SPLIT for rows in each.rows(file)]
    wanted = pa.concat_arrays(about)
    parts = (some.where(~_facts(some).deleted) for each in nights for some in each.rows(OBSERVATION))
    every = joined([some.where(_is_in(some.columns["ObservationGuid"], wanted)) for some in parts])
    return every, {guid: place for place, guid in enumerate(every.columns["ObservationGuid"].to_pylist())}


def as_it_stands(source: Practice, night: int, file: str) -> Iterator[Rows]:
    """A file's records by a night, each once, as last written; without those deleted, or whose patient is.

    For formats that give whole records, not changes. Reference rows are those of the night itself.
    """
    versions, reference = [], []
    for number in range(1, night + 1):
        for rows in _night(source, number).rows(file):
            if rows.facts is not None:
                versions.append(rows)
            elif number == night:
                reference.append(rows)
    yield from reference
    ids = [guid for rows in versions for guid in rows.columns[id_column(rows)].to_pylist()]
    last = np.zeros(len(ids), bool)
    last[list({guid: place for place, guid in enumerate(ids)}.values())] = True
    gone = np.append(source.roster.deleted_on, NEVER) <= night  # the place -1, nobody's, stands last
    start = 0
    for rows in versions:
        facts, end = _facts(rows), start + len(rows)
        standing = rows.where(last[start:end] & ~facts.deleted & ~gone[np.maximum(facts.patient, -1)])
        yield standing.with_facts(duplicate=False)
        start = end


def joined(parts: list[Rows]) -> Rows:
    """Rows of one file in one piece. Parts without any rows are left out; there must be one with some."""
    some = [rows for rows in parts if len(rows)]
    if not some:
        return parts[0]
    columns = {name: pa.concat_arrays([rows.columns[name] for rows in some]) for name in some[0].columns}
    facts = Facts(**{name: np.concatenate([getattr(_facts(rows), name) for rows in some]) for name in Facts.__slots__})
    return Rows(file=some[0].file, columns=columns, facts=facts)


def taken(rows: Rows, places: Numbers) -> Rows:
    """The rows at some places, in that order, perhaps repeated."""
    columns = {name: column.take(pa.array(places)) for name, column in rows.columns.items()}
    return Rows(file=rows.file, columns=columns, facts=_facts(rows).picked(places))


def _night(source: Practice, night: int) -> Night:
    return Night(source, night, consents(source, night))


def _facts(rows: Rows) -> Facts:
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    return rows.facts


def _is_in(guids: pa.Array, wanted: pa.Array) -> Numbers:
    return np.asarray(pc.is_in(guids, value_set=wanted).to_numpy(zero_copy_only=False))


def _numbers(guids: pa.Array) -> Numbers:
    letters = guids.to_numpy(zero_copy_only=False).astype("S38").view(np.uint8).reshape(-1, 38)[:, _HEX_OF_GUID]
    digits = np.where(letters > ord("9"), (letters & 0xDF) - ord("A") + 10, letters - ord("0")).astype(np.int64)
    number = np.zeros(len(digits), np.int64)
    for column in digits.T:
        number = (number << 4) | column
    return number % (1 << _BITS) + _EIGHTEEN_DIGITS
