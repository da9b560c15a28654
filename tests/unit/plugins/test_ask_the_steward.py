"""The question to the steward holds no value, and an answer without a reason decides nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from ask_the_steward import (
    APPROVE,
    REFUSE,
    ReasonMissing,
    announce_held_parcels,
    ask_another,
    decision_in,
    question_about,
)

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


def asked_about(**changes: Any) -> dict[str, str]:
    held = {
        "parcel_id": "a",
        "practice_code": "Y99001",
        "sequence": 3,
        "because": "9.0% of the rows.",
        "rows": 1200,
        "usual_rows": 1000,
        "people": 1,
        "first": None,
    }
    return question_about(SimpleNamespace(**(held | changes)))


def test_a_question_says_what_is_held_why_and_beside_what_is_usual() -> None:
    question = asked_about()
    assert (question["parcel_id"], question["subject"]) == ("a", "Load Y99001, parcel 3?")
    assert "9.0% of the rows." in question["body"]
    assert "1,200 rows of records, usually 1,000." in question["body"]
    assert "the practice's first" in asked_about(usual_rows=None)["body"]


def test_a_question_says_how_many_it_takes_and_who_agreed() -> None:
    first = SimpleNamespace(by="amina", reason="They moved.")
    assert "loaded by nobody" in asked_about(people=0)["body"]
    assert "takes two stewards; you would be the first" in asked_about(people=2)["body"]
    assert "**amina** approved (They moved.). Now **another** must." in asked_about(people=2, first=first)["body"]


def test_where_one_of_two_has_approved_another_is_asked_and_else_nobody() -> None:
    events = {"held": SimpleNamespace(extra={})}
    assert ask_another(HELD, task=SimpleNamespace(outlets=["held"]), outlet_events=events) == 1
    assert events["held"].extra == {"parcels": [HELD]}
    with pytest.raises(AirflowSkipException):
        ask_another(HELD | {"state": "approved"})


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
    with pytest.raises(ReasonMissing, match="Say why"):
        decision_in(an_answer(APPROVE, reason))


def test_a_question_that_was_marked_as_done_by_hand_decides_nothing() -> None:
    with pytest.raises(ReasonMissing, match="Nobody answered"):
        decision_in(None)
