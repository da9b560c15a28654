"""Canonical tables as pandas frames: only the columns a rule names, strings without a copy, no token's value."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from crossing.errors import PersonMustAct

EXTRACT_DATE = "extract_date"  # added to every row, so that rules can compare with it
EXTRACT_YEAR = "extract_year"
ADDED = frozenset({EXTRACT_DATE, EXTRACT_YEAR})


class ColumnMissing(PersonMustAct):
    """A rule names a column that the table does not have."""


def frame_of(
    table_name: str, table: pa.Table, columns: set[str], *, lengths: Sequence[int], extract_dates: Sequence[date]
) -> pd.DataFrame:
    """The named columns. `lengths` and `extract_dates` say which rows belong to which extract.

    A token column becomes "true, or NULL where there is none". Raises ColumnMissing.
    """
    added = {
        EXTRACT_DATE: lambda: _repeated(pa.array(extract_dates, pa.date32()), lengths),
        EXTRACT_YEAR: lambda: _repeated(pa.array([day.year for day in extract_dates], pa.int16()), lengths),
    }
    series = {}
    for name in sorted(columns):
        if name not in added and name not in table.column_names:
            raise ColumnMissing(
                f"policy/expectations/{table_name}.toml names column {name}, which {table_name} has not."
            )
        series[name] = _series(added[name]() if name in added else table.column(name))
    return pd.DataFrame(series, copy=False)


def _repeated(values: pa.Array, lengths: Sequence[int]) -> pa.Array:
    return values.take(pa.array(np.repeat(np.arange(len(lengths)), lengths)))


def _series(column: pa.ChunkedArray | pa.Array) -> pd.Series:
    """Strings and flags stay Arrow; dates and numbers become NumPy, where comparing and fingerprinting are quick."""
    if pa.types.is_fixed_size_binary(column.type):
        return _arrow_backed(pc.if_else(pc.is_valid(column), pa.scalar(True), pa.scalar(None, pa.bool_())))
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column.to_pandas(date_as_object=False)
    if pa.types.is_floating(column.type):
        # NumPy writes NaN where Arrow says NULL; a NaN that was sent must stay a fault, so it becomes infinite.
        return pc.if_else(pc.is_nan(column), pa.scalar(np.inf), column).to_pandas()
    if pa.types.is_integer(column.type):
        return column.cast(pa.float64()).to_pandas()
    return _arrow_backed(column)


def _arrow_backed(column: pa.ChunkedArray | pa.Array) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array(column)))


def arrow_column(frame: pd.DataFrame, name: str) -> pa.ChunkedArray:
    """The Arrow data behind a column of strings."""
    return pa.chunked_array(frame[name].array.__arrow_array__())
