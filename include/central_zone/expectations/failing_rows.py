"""What an expectation of ours is made of: a metric that finds the failing rows with Arrow, and the wish for none.

A result carries how many rows failed and their positions; never a value. NULL passes, unless a rule says otherwise: a
tombstone has nothing but its tokens.
"""

import base64
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

POSITIONS = "failing_row_positions"


def encoded(positions: np.ndarray) -> str:
    """Positions as text, because Great Expectations turns every result into JSON, number by number."""
    return base64.b64encode(np.ascontiguousarray(positions, dtype="<i8").tobytes()).decode()


def decoded(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<i8")


def positions_of(masks: list[Any]) -> np.ndarray:
    """Where any of the masks is true; a mask of None is true nowhere."""
    found = [np.flatnonzero(np.asarray(mask)) for mask in masks if mask is not None]
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


class Shown(pd.DataFrame):  # type: ignore[misc]  # pandas has no types here
    """What Great Expectations sees of a frame: the columns of stock expectations. Ours look into the whole behind it.

    It takes a fingerprint of all that it is shown, a second for a million rows and all their columns.
    """

    _metadata: ClassVar[list[str]] = ["whole"]
    whole: pd.DataFrame


class FailingRows(TableMetricProvider):  # type: ignore[misc]  # Great Expectations has no types
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
        return positions_of(cls.masks(getattr(frame, "whole", frame), **metric_value_kwargs))


class NoFailingRows(BatchExpectation):  # type: ignore[misc]  # as above
    """Wants no failing rows. The columns stand in policy; the subclass names the metric."""

    columns: list[str]
    _told: Any = PrivateAttr(None)

    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    success_keys: ClassVar[tuple[str, ...]] = ("columns",)

    @property
    def configuration(self) -> ExpectationConfiguration:
        """Made once. Great Expectations asks some thirty times for each run, a third of all it takes."""
        if self._told is None:
            self._told = super().configuration
        return self._told

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        failing = metrics[self.metric_dependencies[0]]
        return {
            "success": len(failing) == 0,
            "result": {"observed_value": len(failing), POSITIONS: encoded(failing)},
        }
