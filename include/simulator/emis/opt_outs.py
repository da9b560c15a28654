"""The planted opt-outs, and those of generated histories, as rows of CareRecord_Observation."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.calendar import FIRST_EXTRACT_DAY
from simulator.consents import UNREADABLE, Consent
from simulator.draws import Numbers
from simulator.emis.observations import observations
from simulator.emis.tombstones import tombstones
from simulator.facts import NO_CODE, TABLE, Precision, Rows
from simulator.histories.entries import Entries
from simulator.histories.written import histories
from simulator.practice import A_NIGHTS_PLACES, CONSENTS, Practice
from simulator.texts import UNDATED, booleans, days, picked, times

_PRECISION_WORDS = ["YMD", "YM", "Y", "U"]  # in the order of Precision
_AT_ONCE = 100_000


def opt_outs(source: Practice, entries: Sequence[Consent], night: int) -> Iterator[Rows]:
    """What was entered, and what was deleted, on a night."""
    tonight = [entry for entry in entries if entry.night == night]
    if tonight:
        yield from _rows(source, _in_columns(tonight))
    if source.size.histories:
        every = histories(source)
        places = np.flatnonzero(every.night == night)
        for start in range(0, len(places), _AT_ONCE):
            yield from _rows(source, every.where(places[start : start + _AT_ONCE]))


def _rows(source: Practice, entries: Entries) -> Iterator[Rows]:
    for bare in (False, True):
        chosen = entries.where((entries.deleted & ~entries.in_full) == bare)
        if len(chosen):
            written = _written(source, chosen)
            yield tombstones(written) if bare else _marked(written, chosen.deleted)


def _marked(rows: Rows, deleted: Numbers) -> Rows:
    """Tombstones that repeat what the entry said, among live rows. All that is known of them is that they are deleted."""
    facts = rows.facts
    if facts is None or not deleted.any():
        return rows
    effective, code = np.where(deleted, UNDATED, facts.effective), np.where(deleted, NO_CODE, facts.code)
    return rows.with_columns(Deleted=booleans(deleted)).with_facts(deleted=deleted, effective=effective, code=code)


def _in_columns(entries: Sequence[Consent]) -> Entries:
    day, place = _column(entries, "day"), _column(entries, "place")
    second = [-1 if entry.entered_second is None else entry.entered_second for entry in entries]
    on_the_day = np.where(day <= UNDATED, FIRST_EXTRACT_DAY - 100, np.minimum(day, FIRST_EXTRACT_DAY - 1))
    return Entries(
        entry=place - CONSENTS * A_NIGHTS_PLACES,
        day=day,
        precision=np.where(day <= UNDATED, Precision.NOTHING, Precision.DAY),
        entered_day=on_the_day,
        entered_second=np.array(second),
        in_full=np.zeros(len(entries), bool),
        **{name: _column(entries, name) for name in ("patient", "night", "role", "code", "deleted")},
    )


def _column(entries: Sequence[Consent], name: str) -> Numbers:
    return np.array([getattr(entry, name) for entry in entries])


def _written(source: Practice, entries: Entries) -> Rows:
    unreadable = entries.day == UNREADABLE
    readable = np.where(unreadable, UNDATED, entries.day)
    effective = np.where(unreadable, "2019-02-30", days(readable).to_numpy(zero_copy_only=False))
    rows = observations(source, entries.patient, entries.place).with_columns(
        EffectiveDate=pa.array(effective, pa.string()),
        EffectiveDatePrecision=picked(_PRECISION_WORDS, entries.precision),
        EnteredDate=days(np.where(entries.entered_second < 0, UNDATED, entries.entered_day)),
        EnteredTime=times(entries.entered_second),
        CodeId=codes.CODE_IDS.take(pa.array(entries.code)),
        ObservationType="Observation",
        **dict.fromkeys(("Value", "NumericUnit", "NumericRangeLow", "NumericRangeHigh"), ""),
    )
    return rows.with_facts(
        table=TABLE["observation"],
        code=entries.code,
        effective=readable,
        precision=entries.precision,
        unreadable_date=unreadable,
    )
