"""The planted opt-outs as rows of CareRecord_Observation."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.calendar import FIRST_EXTRACT_DAY
from simulator.consents import UNREADABLE, Consent
from simulator.emis.observations import observations
from simulator.emis.tombstones import tombstones
from simulator.facts import TABLE, Precision, Rows
from simulator.practice import Practice
from simulator.texts import UNDATED, days, times


def opt_outs(source: Practice, entries: Sequence[Consent], night: int) -> Iterator[Rows]:
    """What was entered, and what was deleted, on a night."""
    tonight = [entry for entry in entries if entry.night == night]
    for deleted in (False, True):
        chosen = [entry for entry in tonight if entry.deleted == deleted]
        if chosen:
            written = _written(source, chosen)
            yield tombstones(written) if deleted else written


def _written(source: Practice, entries: Sequence[Consent]) -> Rows:
    patient, place = (np.array([getattr(entry, name) for entry in entries]) for name in ("patient", "place"))
    code, day = (np.array([getattr(entry, name) for entry in entries]) for name in ("code", "day"))
    second = np.array([-1 if entry.entered_second is None else entry.entered_second for entry in entries])
    unreadable = day == UNREADABLE
    readable = np.where(unreadable, UNDATED, day)
    effective = np.where(unreadable, "2019-02-30", days(readable).to_numpy(zero_copy_only=False))
    entered = np.where(day <= UNDATED, FIRST_EXTRACT_DAY - 100, np.minimum(day, FIRST_EXTRACT_DAY - 1))
    rows = observations(source, patient, place).with_columns(
        EffectiveDate=pa.array(effective, pa.string()),
        EffectiveDatePrecision=["U" if never else "YMD" for never in readable == UNDATED],
        EnteredDate=days(np.where(second < 0, UNDATED, entered)),
        EnteredTime=times(second),
        CodeId=codes.CODE_IDS.take(pa.array(code)),
        ObservationType="Observation",
        **dict.fromkeys(("Value", "NumericUnit", "NumericRangeLow", "NumericRangeHigh"), ""),
    )
    precision = np.where(readable == UNDATED, Precision.NOTHING, Precision.DAY)
    table = TABLE["observation"]
    return rows.with_facts(table=table, code=code, effective=readable, precision=precision, unreadable_date=unreadable)
