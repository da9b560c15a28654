"""What failed is told in the task's log and handed on, once a practice; also when the task as a whole then fails."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

import tell_what_failed
from crossing.errors import PersonMustAct, TryAgain
from crossing.failures import failure
from stop_for_a_person import stop_for_a_person
from when_the_supplier_is_ready import PullWhenReady

pytestmark = pytest.mark.airflow
DAMAGED = failure("Y99008", "pull", PersonMustAct("The file was cut off. Ask for it again."))
BUSY = failure("Y99009", "pull", TryAgain("Another run has it."))
NHS_NUMBER = "9990000018"


@pytest.fixture
def handed_on(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the running task hands on, by key."""
    kept: dict[str, Any] = {}
    task_instance = SimpleNamespace(xcom_push=lambda key, value: kept.update({key: value}))
    monkeypatch.setattr(tell_what_failed, "get_current_context", lambda: {"ti": task_instance})
    return kept


def test_a_practice_that_fails_alone_is_told_while_its_shard_goes_on(
    handed_on: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    results = [
        {"practice_code": "Y99001", "rows": {}},
        {"practice_code": "Y99008", "state": "failed", "failed": DAMAGED},
    ]
    with caplog.at_level(logging.WARNING):
        assert stop_for_a_person(lambda: results)() == results
    assert handed_on == {"practices_failed": [DAMAGED]}
    assert caplog.messages == [
        "Y99008 failed at pull: PersonMustAct (a person must act): The file was cut off. Ask for it again."
    ]


def test_a_step_that_fails_whole_still_tells_of_each_practice(handed_on: dict[str, Any]) -> None:
    @stop_for_a_person
    def pull() -> None:
        raise PersonMustAct("both", practices_failed=[DAMAGED, BUSY])

    with pytest.raises(AirflowFailException):
        pull()
    assert handed_on["practices_failed"] == [DAMAGED, BUSY]


def test_what_fails_for_all_alike_is_nobodys(handed_on: dict[str, Any]) -> None:
    @stop_for_a_person
    def load() -> None:
        raise TryAgain("The store is down.")

    with pytest.raises(AirflowException):
        load()
    assert handed_on["practices_failed"] == [failure(None, "load", TryAgain("The store is down."))]


def test_a_fault_nobody_foresaw_is_handed_on_without_its_text(handed_on: dict[str, Any]) -> None:
    @stop_for_a_person
    def load() -> None:
        raise ValueError(NHS_NUMBER)

    with pytest.raises(AirflowFailException):
        load()
    (told,) = handed_on["practices_failed"]
    assert (told["error"], told["who_acts"], NHS_NUMBER in str(told)) == ("ValueError", "person", False)


def test_nothing_is_handed_on_where_nothing_failed(handed_on: dict[str, Any]) -> None:
    stop_for_a_person(lambda: [{"practice_code": "Y99001", "parcels": []}])()
    stop_for_a_person(lambda: {"failed": {}, "practices_failed": []})()
    stop_for_a_person(lambda: None)()
    assert handed_on == {}


def test_a_step_is_not_undone_because_its_failures_could_not_be_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(key: str, value: Any) -> None:
        raise RuntimeError("the API is away")

    monkeypatch.setattr(tell_what_failed, "get_current_context", lambda: {"ti": SimpleNamespace(xcom_push=refuse)})
    results = [{"practice_code": "Y99008", "state": "failed", "failed": DAMAGED}]
    assert stop_for_a_person(lambda: results)() == results


def test_what_failed_before_a_wait_is_still_told_after_it(handed_on: dict[str, Any]) -> None:
    @stop_for_a_person
    def pull(shard: list[str], run_id: str) -> list[dict[str, Any]]:
        raise TryAgain("not there", practices_failed=[BUSY])

    operator = PullWhenReady(task_id="pull", shard=["Y99008", "Y99009"], pull=pull)
    before = [{"practice_code": "Y99008", "state": "failed", "parcels": [], "failed": DAMAGED}]
    with pytest.raises(AirflowException):
        operator.ask_again({"dag_run": SimpleNamespace(run_id="r", run_type="manual")}, ["Y99009"], before)
    assert handed_on["practices_failed"] == [DAMAGED, BUSY]
