"""Quarantine: the rows that broke a rule stay out of the records. What is kept is which row and which rule; no values."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Positions = Mapping[str, Mapping[str, "np.ndarray[Any, Any]"]]  # table -> rule -> row positions
_NOWHERE = np.empty(0, np.int64)


def counts(failed: Positions) -> dict[str, dict[str, int]]:
    """How many rows broke each rule, by table. A row that broke two rules stands under both."""
    return {
        table: {rule: len(positions) for rule, positions in sorted(rules.items())}
        for table, rules in sorted(failed.items())
        if rules
    }


def failed_rows(failed: Positions, table: str) -> "np.ndarray[Any, Any]":
    """The positions of the rows of one table that broke any rule, each once, in order."""
    found = list(failed.get(table, {}).values())
    return np.unique(np.concatenate(found)).astype(np.int64) if found else _NOWHERE


def share_failed(tables: Mapping[str, pa.Table], failed: Positions) -> float:
    """The share of the parcel's rows that broke a rule; 0 for an empty parcel."""
    rows = sum(table.num_rows for table in tables.values())
    return sum(len(failed_rows(failed, table)) for table in tables) / rows if rows else 0.0


def without_failed(rows: pa.Table, failed: "np.ndarray[Any, Any]", *, at_a_time: int) -> Iterator[pa.Table]:
    """The rows that broke no rule, some at a time; nothing is copied where nothing failed."""
    for start in range(0, rows.num_rows, at_a_time):
        some = rows.slice(start, at_a_time)
        low, high = np.searchsorted(failed, (start, start + some.num_rows))
        yield some if low == high else _without(some, failed[low:high] - start)


def _without(rows: pa.Table, positions: "np.ndarray[Any, Any]") -> pa.Table:
    keep = np.ones(rows.num_rows, dtype=bool)
    keep[positions] = False
    return rows.filter(pa.array(keep))


def among_kept(
    failed: Positions, kept: Mapping[str, "np.ndarray[Any, Any]"]
) -> dict[str, dict[str, "np.ndarray[Any, Any]"]]:
    """The same rows by the positions they have once others were taken out. `kept`: of each table that lost rows, which stay."""
    return {
        table: {
            rule: _moved(positions, kept[table]) if table in kept else positions for rule, positions in rules.items()
        }
        for table, rules in failed.items()
    }


def _moved(positions: "np.ndarray[Any, Any]", kept: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    now: np.ndarray[Any, Any] = np.cumsum(kept) - 1
    moved: np.ndarray[Any, Any] = now[positions[kept[positions]]]
    return moved


def rows_to_keep_out(
    tables: Mapping[str, pa.Table], failed: Positions, parcel_number: int, practice_code: str
) -> pa.Table:
    """One row for each rule a row broke: parcel, table, the record's token, the rule, and whose it was."""
    where = {"parcel_number": parcel_number, "practice_code": practice_code}
    pieces = [
        _rows_of_one_rule(tables[table], positions, {**where, "table_name": table, "rule_id": rule})
        for table, rules in sorted(failed.items())
        for rule, positions in sorted(rules.items())
    ]
    return pa.concat_tables(pieces) if pieces else _SCHEMA.empty_table()


_SCHEMA = pa.schema(
    {
        "parcel_number": pa.int64(),
        "table_name": pa.string(),
        "record_token": pa.binary(16),
        "rule_id": pa.string(),
        "practice_code": pa.string(),
        "registration_token": pa.binary(16),  # NULL in tables that are not about patients
    }
)


def _rows_of_one_rule(rows: pa.Table, positions: "np.ndarray[Any, Any]", same: Mapping[str, Any]) -> pa.Table:
    which, count = pa.array(positions, pa.int64()), len(positions)
    columns = {name: pa.repeat(pa.scalar(value, _SCHEMA.field(name).type), count) for name, value in same.items()}
    for name in ("record_token", "registration_token"):
        is_there = name in rows.column_names
        columns[name] = pc.take(rows[name], which) if is_there else pa.nulls(count, _SCHEMA.field(name).type)
    return pa.table({name: columns[name] for name in _SCHEMA.names}, schema=_SCHEMA)
