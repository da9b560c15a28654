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


def rows_to_keep_out(tables: Mapping[str, pa.Table], failed: Positions, parcel_number: int) -> pa.Table:
    """One row for each rule a row broke: parcel, table, the record's token, the rule."""
    pieces = [
        _rows_of_one_rule(tables[table]["record_token"], positions, parcel_number, table, rule)
        for table, rules in sorted(failed.items())
        for rule, positions in sorted(rules.items())
    ]
    return pa.concat_tables(pieces) if pieces else _EMPTY


_SCHEMA = pa.schema(
    {
        "parcel_number": pa.int64(),
        "table_name": pa.string(),
        "record_token": pa.binary(16),
        "rule_id": pa.string(),
    }
)
_EMPTY = _SCHEMA.empty_table()


def _rows_of_one_rule(
    tokens: pa.ChunkedArray, positions: "np.ndarray[Any, Any]", parcel_number: int, table: str, rule: str
) -> pa.Table:
    count = len(positions)
    columns = {
        "parcel_number": pa.repeat(pa.scalar(parcel_number, pa.int64()), count),
        "table_name": pa.repeat(table, count),
        "record_token": pc.take(tokens, pa.array(positions, pa.int64())),
        "rule_id": pa.repeat(rule, count),
    }
    return pa.table(columns, schema=_SCHEMA)
