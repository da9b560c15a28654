"""A supplier that is still at work is waited for without a worker, asked at its own time, and only about those it keeps."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

from when_the_supplier_is_ready import PullWhenReady

pytestmark = pytest.mark.airflow
RUN = {"dag_run": SimpleNamespace(run_id="r", run_type="manual")}
DONE = {"practice_code": "Y99001", "rows": {"patient": 1}}
SOON = {"practice_code": "Y99002", "state": "waits_for_supplier", "ask_again_at": "2026-09-02T02:00:00+00:00"}
LATER = {"practice_code": "Y99003", "state": "waits_for_supplier", "ask_again_at": "2026-09-02T03:00:00+00:00"}


class Supplier:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: list[dict[str, Any]]) -> None:
        self.answers, self.asked = list(answers), []

    def pull(self, shard: list[str], run_id: str) -> list[dict[str, Any]]:
        self.asked.append((shard, run_id))
        return self.answers.pop(0)


def an_operator(supplier: Supplier) -> PullWhenReady:
    return PullWhenReady(task_id="pull", shard=["Y99001", "Y99002", "Y99003"], pull=supplier.pull)


def test_a_shard_that_is_ready_is_pulled_at_once() -> None:
    supplier = Supplier([DONE])
    assert an_operator(supplier).execute(RUN) == [DONE]
    assert supplier.asked == [(["Y99001", "Y99002", "Y99003"], "r")]


def test_it_is_deferred_until_the_first_moment_named_and_then_asks_for_those_that_wait() -> None:
    supplier = Supplier([SOON, DONE, LATER], [{**SOON, "rows": {}} | {"state": "pulled"}, LATER])
    operator = an_operator(supplier)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(RUN)
    assert deferred.value.trigger.moment == datetime(2026, 9, 2, 2, tzinfo=UTC)
    assert deferred.value.kwargs == {"waiting": ["Y99002", "Y99003"], "done": [DONE]}
    with pytest.raises(TaskDeferred):
        operator.ask_again(RUN, **deferred.value.kwargs, event=None)
    assert supplier.asked[1] == (["Y99002", "Y99003"], "r")


def test_what_was_pulled_before_is_among_the_results_at_the_end() -> None:
    came = {"practice_code": "Y99002", "rows": {}}
    operator = an_operator(Supplier([DONE, SOON], [came]))
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(RUN)
    assert operator.ask_again(RUN, **deferred.value.kwargs) == [DONE, came]


def test_airflow_is_told_times_and_practice_codes_only() -> None:
    with pytest.raises(TaskDeferred) as deferred:
        an_operator(Supplier([SOON])).execute(RUN)
    _, kept = deferred.value.trigger.serialize()
    assert set(kept) <= {"moment", "end_from_trigger", "target_time"}
