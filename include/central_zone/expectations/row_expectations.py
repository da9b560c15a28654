"""Great Expectations of our own about one column or two, where the stock ones copy the whole frame to look at one."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from central_zone.expectations.code_shapes import rows_out_of_shape
from central_zone.expectations.failing_rows import FailingRows, NoFailingRows
from central_zone.expectations.frames import arrow_column


class _RowsOffTheList(FailingRows):
    metric_name = "gp_collect.rows_off_the_list"
    value_keys = ("columns", "words")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], words: dict[str, list[str]]) -> list[Any]:
        return [_off_the_list(arrow_column(frame, name), words[name]) for name in columns]


def _off_the_list(column: pa.ChunkedArray, words: list[str]) -> pa.ChunkedArray | None:
    listed = pc.is_in(column, value_set=pa.array([*words, None], column.type))
    return None if pc.all(listed).as_py() in {True, None} else pc.invert(listed)


class ExpectListedWords(NoFailingRows):
    """Every word stands in the list of policy/vocabularies.toml that bears the column's name."""

    words: dict[str, list[str]]

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOffTheList.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "words")


class _RowsOutOfShape(FailingRows):
    metric_name = "gp_collect.rows_out_of_shape"
    value_keys = ("columns", "shape")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], shape: str) -> list[Any]:
        return [rows_out_of_shape(arrow_column(frame, name), shape) for name in columns]


class ExpectCodesOfShape(NoFailingRows):
    """Every code has the shape, check digit included, of its code system (central_zone.expectations.code_shapes)."""

    shape: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfShape.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "shape")


class _RowsOutOfOrder(FailingRows):
    metric_name = "gp_collect.rows_out_of_order"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        first, second = columns
        return [frame[first] > frame[second]]


class ExpectColumnsInOrder(NoFailingRows):
    """The first of two columns is never greater (for dates: later) than the second."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfOrder.metric_name,)


class _RowsNotFinite(FailingRows):
    metric_name = "gp_collect.rows_not_finite"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        return [np.isinf(frame[name]) for name in columns]


class ExpectFiniteNumbers(NoFailingRows):
    """Every number is one that can be added up: neither infinite nor "not a number"."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsNotFinite.metric_name,)


class _RowsNotFilled(FailingRows):
    metric_name = "gp_collect.rows_not_filled"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        return [frame[name].isna() if frame[name].hasnans else None for name in columns]


class ExpectFilled(NoFailingRows):
    """No column is empty, in no row, whether it says "deleted" or not."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsNotFilled.metric_name,)


class _RowsOutOfRange(FailingRows):
    metric_name = "gp_collect.rows_out_of_range"
    value_keys = ("columns", "least", "most")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], least: float, most: float) -> list[Any]:
        return [(frame[name] < least) | (frame[name] > most) for name in columns]


class ExpectNumbersInRange(NoFailingRows):
    """Every number is at least `least` and at most `most`."""

    least: float
    most: float

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfRange.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "least", "most")


class _RowsTooLarge(FailingRows):
    metric_name = "gp_collect.rows_too_large"
    value_keys = ("columns", "limit")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], limit: float) -> list[Any]:
        return [(frame[name].abs() >= limit) & np.isfinite(frame[name]) for name in columns]


class ExpectNumbersSmallerThan(NoFailingRows):
    """Every finite number is smaller than `limit`, its sign left out. The others are for `expect_finite_numbers`."""

    limit: float

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsTooLarge.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "limit")


class _RowsOutOfDates(FailingRows):
    metric_name = "gp_collect.rows_out_of_dates"
    value_keys = ("columns", "first", "last")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], first: str, last: str) -> list[Any]:
        begins, ends = pd.Timestamp(first), pd.Timestamp(last) + pd.Timedelta(days=1)
        return [(frame[name] < begins) | (frame[name] >= ends) for name in columns]


class ExpectDatesInRange(NoFailingRows):
    """Every date or instant is on a day from `first` to `last`, both included."""

    first: str
    last: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfDates.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "first", "last")


class _RowsOnThoseDays(FailingRows):
    metric_name = "gp_collect.rows_on_those_days"
    value_keys = ("columns", "days")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], days: list[str]) -> list[Any]:
        # In the column's own unit: turning a day of the year 5,881,580 into a finer one would break the whole run.
        return [frame[name].isin(pd.to_datetime(days).as_unit(frame[name].dt.unit)) for name in columns]


class ExpectNotOnThoseDays(NoFailingRows):
    """No date is one of the days that systems write when they do not know the date."""

    days: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOnThoseDays.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "days")
