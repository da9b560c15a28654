"""Facts about a parcel as a whole, for the rules that hold one: counts and shares, no values."""

from collections.abc import Mapping

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crossing.canonical import is_event

_CODES = ("snomed_concept_id", "read_v2_code", "ctv3_code", "local_code")
# Below this a share says nothing: a night's changes of a small practice may all lack a date.
FEWEST_ROWS_FOR_A_SHARE = 200
_MANY_PATIENTS = 100
_NEVER_EMPTY_BESIDE_MANY_PATIENTS = ("encounter", "observation", "medication")


def facts_frame(facts: list[dict[str, float]]) -> pd.DataFrame:
    """One row a parcel, one column a fact."""
    return pd.DataFrame(facts, dtype="float64")


def facts_of(tables: Mapping[str, pa.Table], *, usual_rows: float | None = None) -> dict[str, float]:
    """The facts that policy/expectations/parcel.toml may name. One that cannot be told takes a value that holds nothing."""
    return {
        "rows_times_usual": _times_usual(sum(table.num_rows for table in tables.values()), usual_rows),
        "observation_uncoded_share": _uncoded_share(tables.get("observation")),
        "undated_share": _undated_share(tables),
        "empty_core_tables_beside_many_patients": float(_empty_core_tables(tables)),
        "deleted_share": _deleted_share(tables),
    }


def _times_usual(rows: int, usual_rows: float | None) -> float:
    if usual_rows is None or usual_rows < FEWEST_ROWS_FOR_A_SHARE:
        return 1.0
    return rows / usual_rows


def _uncoded_share(table: pa.Table | None) -> float:
    if table is None:
        return 0.0
    uncoded = pc.invert(table.column("is_deleted"))
    for name in _CODES:
        uncoded = pc.and_(uncoded, pc.is_null(table.column(name)))
    return _share(pc.sum(uncoded).as_py() or 0, table.num_rows - _deleted(table))


def _undated_share(tables: Mapping[str, pa.Table]) -> float:
    events = [table for name, table in tables.items() if is_event(name)]
    live = sum(table.num_rows - _deleted(table) for table in events)
    undated = sum(table.column("effective_date").null_count - _deleted(table) for table in events)
    return _share(max(undated, 0), live)


def _deleted_share(tables: Mapping[str, pa.Table]) -> float:
    return _share(sum(_deleted(table) for table in tables.values()), sum(table.num_rows for table in tables.values()))


def _deleted(table: pa.Table) -> int:
    return pc.sum(table.column("is_deleted")).as_py() or 0


def _empty_core_tables(tables: Mapping[str, pa.Table]) -> int:
    patients = tables.get("patient")
    if patients is None or patients.num_rows < _MANY_PATIENTS:
        return 0
    return sum(1 for name in _NEVER_EMPTY_BESIDE_MANY_PATIENTS if name not in tables or tables[name].num_rows == 0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST_ROWS_FOR_A_SHARE else 0.0
