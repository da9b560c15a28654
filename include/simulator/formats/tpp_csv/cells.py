"""Cells as TPP writes them: English dates, TRUE and FALSE, -1 for nothing, and codes that stand in the row itself."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import codes
from simulator.codes import CODES, Role
from simulator.codings import Codings, codings, equivalents
from simulator.draws import Numbers
from simulator.emis.layout import OBSERVATION
from simulator.facts import NOT_ABOUT_A_PATIENT, Facts, Rows
from simulator.practice import Practice
from simulator.texts import constant

NOTHING = "-1"
NOT_IN_THE_DICTIONARY = "Y8zz9"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# These have one code system each, so that a rule which forgets a system is found out.
_IN_ONE_SYSTEM = (Role.DISSENT, Role.WITHDRAWAL, Role.TYPE_TWO, Role.RESTRICTED)


def moments(days: pa.Array, times: pa.Array | str = "00:00:00", *, seconds: bool = True) -> pa.Array:
    """`dd MMM yyyy HH:mm:ss`, given `yyyy-MM-dd`; what is no such date stays as somebody typed it."""
    parts = pc.extract_regex(days, r"^(?P<y>\d{4})-(?P<m>0[1-9]|1[0-2])-(?P<d>\d\d)$")
    year, month, day = (pc.fill_null(pc.struct_field(parts, name), "") for name in ("y", "m", "d"))
    for number, name in enumerate(_MONTHS, 1):
        month = pc.if_else(pc.equal(month, f"{number:02d}"), name, month)
    length = len(days)
    time = constant(times, length) if isinstance(times, str) else pc.if_else(pc.equal(times, ""), "00:00:00", times)
    written = pc.binary_join_element_wise(
        day, month, year, time if seconds else pc.utf8_slice_codeunits(time, 0, 5), " "
    )
    return pc.if_else(pc.is_valid(parts), written, days)


def shouted(flags: pa.Array) -> pa.Array:
    """TRUE, FALSE."""
    return pc.utf8_upper(flags)


def or_nothing(cells: pa.Array) -> pa.Array:
    return pc.if_else(pc.equal(cells, ""), NOTHING, cells)


def picked_by(cells: pa.Array, meaning: dict[str, str]) -> pa.Array:
    """Each cell replaced by what it means; empty where it means nothing."""
    place = pc.fill_null(pc.index_in(cells, pa.array(list(meaning))), len(meaning))
    return pa.array([*meaning.values(), ""]).take(place)


def code_cells(source: Practice, code: Numbers) -> tuple[pa.Array, pa.Array]:
    """CTV3Code and SNOMEDCode of rows, given their places in the code table."""
    ctv3, snomed = _code_table(source)
    place = pa.array(np.where(code < 0, len(ctv3) - 1, code))
    return ctv3.take(place), snomed.take(place)


def dictionary(source: Practice) -> tuple[list[str], list[tuple[str, str]]]:
    """Every CTV3 code in use, and what each maps to in SNOMED CT."""
    ctv3, snomed = (column.to_pylist() for column in _code_table(source))
    pairs = [(own, mapped) for own, mapped in zip(ctv3[: len(CODES)], snomed[: len(CODES)], strict=True) if own]
    return list(dict.fromkeys(own for own, _ in pairs)), [pair for pair in pairs if pair[1] != NOTHING]


def _code_table(source: Practice) -> tuple[pa.Array, pa.Array]:
    """For each place of the code table, then for no code: the two cells."""
    places = np.arange(codes.UNKNOWN_CODE + 1)
    rows = _rows_of(source, places)
    exactly, in_every = codings(source, rows), equivalents(source, rows)
    ctv3 = [_ctv3(place, exactly, in_every) for place in places.tolist()]
    snomed = [cell or NOTHING for cell in exactly.snomed.to_pylist()]
    return pa.array([*ctv3, ""]), pa.array([*snomed, NOTHING])


def _ctv3(place: int, exactly: Codings, in_every: Codings) -> str:
    ctv3, read, local, typed = (
        str(column[place].as_py()) for column in (exactly.ctv3, exactly.read_v2, exactly.local, exactly.national)
    )
    if place == codes.UNKNOWN_CODE:
        return NOT_IN_THE_DICTIONARY
    if place in codes.IDENTIFIER_CODES:  # somebody typed a number where a code belongs
        return typed or local
    if ctv3 or read:
        return ctv3 or read[:5]
    return "" if CODES[place].role in _IN_ONE_SYSTEM else str(in_every.ctv3[place].as_py())


def _rows_of(source: Practice, code: Numbers) -> Rows:
    facts = Facts.of("observation", np.full(len(code), NOT_ABOUT_A_PATIENT))
    facts.code = code
    return Rows(file=OBSERVATION, columns={"": constant("", len(code))}, facts=facts)
