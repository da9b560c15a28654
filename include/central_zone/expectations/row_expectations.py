"""Great Expectations of our own, where the stock ones copy the whole frame to look at one column.

Each is a metric that finds the failing rows with Arrow, and an expectation that wants none. A result carries how
many rows failed and their positions; never a value. NULL passes: a tombstone has nothing but its tokens.
"""

import base64
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from central_zone.expectations.code_shapes import rows_out_of_shape
from central_zone.expectations.frames import arrow_column

POSITIONS = "failing_row_positions"


def encoded(positions: np.ndarray) -> str:
    """Positions as text, because Great Expectations turns every result into JSON, number by number."""
    return base64.b64encode(np.ascontiguousarray(positions, dtype="<i8").tobytes()).decode()


def decoded(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<i8")


def _positions(masks: list[Any]) -> np.ndarray:
    """Where any of the masks is true; a mask of None is true nowhere."""
    found = [np.flatnonzero(mask.to_numpy()) for mask in masks if mask is not None]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


class _FailingRows(TableMetricProvider):  # type: ignore[misc]  # Great Expectations has no types
    """A metric whose value is the positions of the rows that fail."""

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator]  # as above
    def _pandas(
        cls,  # noqa: N805  (Great Expectations makes a class method of it)
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_others: Any,
    ) -> np.ndarray:
        frame, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        return _positions(cls.masks(frame, **metric_value_kwargs))


class _NoFailingRows(BatchExpectation):  # type: ignore[misc]  # as above
    """Wants no failing rows. The columns stand in policy; the subclass names the metric."""

    columns: list[str]

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    success_keys: ClassVar[tuple[str, ...]] = ("columns",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        failing = metrics[self.metric_dependencies[0]]
        return {
            "success": len(failing) == 0,
            "result": {"observed_value": len(failing), POSITIONS: encoded(failing)},
        }


class _RowsOffTheList(_FailingRows):
    metric_name = "gp_collect.rows_off_the_list"
    value_keys = ("columns", "words")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], words: dict[str, list[str]]) -> list[Any]:
        return [_off_the_list(arrow_column(frame, name), words[name]) for name in columns]


def _off_the_list(column: pa.ChunkedArray, words: list[str]) -> pa.ChunkedArray | None:
    listed = pc.is_in(column, value_set=pa.array([*words, None], column.type))
    return None if pc.all(listed).as_py() in {True, None} else pc.invert(listed)


class ExpectListedWords(_NoFailingRows):
    """Every word stands in the list of policy/vocabularies.toml that bears the column's name."""

    words: dict[str, list[str]]

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOffTheList.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "words")


class _RowsOutOfShape(_FailingRows):
    metric_name = "gp_collect.rows_out_of_shape"
    value_keys = ("columns", "shape")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], shape: str) -> list[Any]:
        return [rows_out_of_shape(arrow_column(frame, name), shape) for name in columns]


class ExpectCodesOfShape(_NoFailingRows):
    """Every code has the shape, check digit included, of its code system (central_zone.expectations.code_shapes)."""

    shape: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfShape.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "shape")


class _RowsOutOfOrder(_FailingRows):
    metric_name = "gp_collect.rows_out_of_order"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        first, second = columns
        return [frame[first] > frame[second]]


class ExpectColumnsInOrder(_NoFailingRows):
    """The first of two columns is never greater (for dates: later) than the second."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfOrder.metric_name,)


class _RowsNotFinite(_FailingRows):
    metric_name = "gp_collect.rows_not_finite"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        return [np.isinf(frame[name]) for name in columns]


class ExpectFiniteNumbers(_NoFailingRows):
    """Every number is one that can be added up: neither infinite nor "not a number"."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsNotFinite.metric_name,)


class _RowsOutOfRange(_FailingRows):
    metric_name = "gp_collect.rows_out_of_range"
    value_keys = ("columns", "least", "most")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], least: float, most: float) -> list[Any]:
        return [(frame[name] < least) | (frame[name] > most) for name in columns]


class ExpectNumbersInRange(_NoFailingRows):
    """Every number is at least `least` and at most `most`."""

    least: float
    most: float

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfRange.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "least", "most")


class _RowsTooLarge(_FailingRows):
    metric_name = "gp_collect.rows_too_large"
    value_keys = ("columns", "limit")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], limit: float) -> list[Any]:
        return [(frame[name].abs() >= limit) & np.isfinite(frame[name]) for name in columns]


class ExpectNumbersSmallerThan(_NoFailingRows):
    """Every finite number is smaller than `limit`, its sign left out. The others are for `expect_finite_numbers`."""

    limit: float

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsTooLarge.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "limit")


class _RowsOutOfDates(_FailingRows):
    metric_name = "gp_collect.rows_out_of_dates"
    value_keys = ("columns", "first", "last")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], first: str, last: str) -> list[Any]:
        begins, ends = pd.Timestamp(first), pd.Timestamp(last) + pd.Timedelta(days=1)
        return [(frame[name] < begins) | (frame[name] >= ends) for name in columns]


class ExpectDatesInRange(_NoFailingRows):
    """Every date or instant is on a day from `first` to `last`, both included."""

    first: str
    last: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOutOfDates.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "first", "last")


class _RowsOnThoseDays(_FailingRows):
    metric_name = "gp_collect.rows_on_those_days"
    value_keys = ("columns", "days")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], days: list[str]) -> list[Any]:
        # In the column's own unit: turning a day of the year 5,881,580 into a finer one would break the whole run.
        return [frame[name].isin(pd.to_datetime(days).as_unit(frame[name].dt.unit)) for name in columns]


class ExpectNotOnThoseDays(_NoFailingRows):
    """No date is one of the days that systems write when they do not know the date."""

    days: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOnThoseDays.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "days")


# Those that take all their columns at once; a stock expectation is repeated for each column.
OWN_TYPES = frozenset(
    kind.expectation_type
    for kind in (
        ExpectListedWords,
        ExpectCodesOfShape,
        ExpectColumnsInOrder,
        ExpectFiniteNumbers,
        ExpectNumbersInRange,
        ExpectNumbersSmallerThan,
        ExpectDatesInRange,
        ExpectNotOnThoseDays,
    )
)
