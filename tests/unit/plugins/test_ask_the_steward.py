"""The question to the steward holds no value, and an answer without a reason decides nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from ask_the_steward import APPROVE, REFUSE, ReasonMissing, announce_held_parcels, decision_in, questions

HELD = {
    "parcel_id": "a",
    "practice_code": "Y99001",
    "sequence": 3,
    "state": "held",
    "reason": "9.0% of the rows.",
    "rows": 0,
}
LOADED = HELD | {"parcel_id": "b", "state": "loaded"}


def announced(results: Any) -> dict[str, Any]:
    """The extra of the event that woke `decide`."""
    events = {"held": SimpleNamespace(extra={})}
    announce_held_parcels(results, task=SimpleNamespace(outlets=["held"]), outlet_events=events)
    return dict(events["held"].extra)


def test_only_held_parcels_are_announced() -> None:
    assert announced([[HELD, LOADED]]) == {"parcels": [HELD]}


@pytest.mark.parametrize("results", [None, [], [LOADED]])
def test_nobody_is_asked_where_nothing_is_held(results: Any) -> None:
    with pytest.raises(AirflowSkipException):
        announced(results)


def test_a_parcel_announced_twice_is_asked_about_once() -> None:
    event = SimpleNamespace(extra={"parcels": [HELD]})
    (question,) = questions(triggering_asset_events={"held": [event, event]})
    assert question["parcel_id"] == "a"
    assert question["subject"] == "Load Y99001, parcel 3?"
    assert "9.0% of the rows." in question["body"]


def test_without_an_event_nothing_is_asked() -> None:
    assert questions(triggering_asset_events=None) == []


def an_answer(choice: str, reason: str) -> dict[str, Any]:
    return {
        "chosen_options": [choice],
        "params_input": {"reason": reason},
        "responded_by_user": {"id": "7", "name": "Ada"},
    }


@pytest.mark.parametrize(("choice", "approve"), [(APPROVE, True), (REFUSE, False)])
def test_the_decision_carries_who_and_why(choice: str, approve: bool) -> None:
    assert decision_in(an_answer(choice, " Known. ")) == {"approve": approve, "by": "Ada", "reason": "Known."}


@pytest.mark.parametrize("reason", ["", "   "])
def test_an_answer_without_a_reason_decides_nothing(reason: str) -> None:
    with pytest.raises(ReasonMissing):
        decision_in(an_answer(APPROVE, reason))
