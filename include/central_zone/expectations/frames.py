"""Canonical tables as pandas frames: only the columns a rule names, strings without a copy, no token's value."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from central_zone.expectations.beside import ColumnMissing, beside
from central_zone.expectations.lists import Lists
from central_zone.expectations.together import Together, has_column

EXTRACT_DATE = "extract_date"  # added to every row, so that rules can compare with it
EXTRACT_YEAR = "extract_year"
ADDED = frozenset({EXTRACT_DATE, EXTRACT_YEAR})


def frame_of(rows: Together, lists: Lists, table: str, columns: set[str]) -> pd.DataFrame:
    """The named columns of one table of all parcels. A token column becomes "true, or NULL where there is none".

    Raises ColumnMissing.
    """
    return pd.DataFrame({name: _series(_column(rows, lists, table, name)) for name in sorted(columns)}, copy=False)


def _column(rows: Together, lists: Lists, table: str, name: str) -> pa.ChunkedArray | pa.Array:
    days = [parcel.extract_date for parcel in rows.parcels]
    if name == EXTRACT_DATE:
        return rows.for_each_row(table, days, pa.date32())
    if name == EXTRACT_YEAR:
        return rows.for_each_row(table, [day.year for day in days], pa.int16())
    if "." in name:
        return beside(rows, lists, table, name)
    if not has_column(table, name):
        raise ColumnMissing(f"policy/expectations/{table}.toml names column {name}, which {table} has not.")
    return rows.column(table, name)


def _series(column: pa.ChunkedArray | pa.Array) -> pd.Series:
    """Strings and flags stay Arrow; dates and numbers become NumPy, where comparing and fingerprinting are quick."""
    if pa.types.is_fixed_size_binary(column.type):
        return _arrow_backed(pc.if_else(pc.is_valid(column), pa.scalar(True), pa.scalar(None, pa.bool_())))
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column.to_pandas(date_as_object=False)
    if pa.types.is_floating(column.type):
        # NumPy writes NaN where Arrow says NULL; a NaN that was sent must stay a fault, so it becomes infinite.
        return pc.if_else(pc.is_nan(column), pa.scalar(np.inf), column).to_pandas()
    if pa.types.is_unsigned_integer(column.type):
        return column.fill_null(0).to_pandas()  # a group of its own, of rows with no token
    if pa.types.is_integer(column.type):
        return column.cast(pa.float64()).to_pandas()
    return _arrow_backed(column)


def _arrow_backed(column: pa.ChunkedArray | pa.Array) -> pd.Series:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array(column)))


def arrow_column(frame: pd.DataFrame, name: str) -> pa.ChunkedArray:
    """The Arrow data behind a column of strings."""
    return pa.chunked_array(frame[name].array.__arrow_array__())
