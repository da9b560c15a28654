"""The question about rows in quarantine holds no value, offers what policy lets be done, and an answer without a reason decides nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.exceptions import ParamValidationError as NotOfThisShape

from ask_about_rows_kept_out import (
    DISCARD,
    LEAVE,
    MOST_QUESTIONS,
    RELEASE,
    WHICH,
    decision_on,
    questions,
    that_may_be_released,
    that_may_not,
)
from ask_the_steward import ReasonMissing


def line(**changes: Any) -> Any:
    whole = {
        "practice_code": "Y99001",
        "table_name": "observation",
        "rule_ids": ("dated_in_future",),
        "rows": "3",
        "parcel_ids": ("a", "b"),
        "sequences": (4, 7),
        "gone": 0,
        "why_not_released": None,
    }
    return SimpleNamespace(**(whole | changes))


def test_a_question_says_which_rows_of_which_parcels_and_what_may_be_done() -> None:
    (asked,) = questions([line(gone=1)])
    assert asked["subject"] == "Y99001: observation, dated_in_future?"
    assert asked["rows"] == {
        "parcel_ids": ["a", "b"],
        "table_name": "observation",
        "rule_ids": ["dated_in_future"],
    }
    assert "3 rows of `observation`" in asked["body"]
    assert "2 parcels, from 4 to 7" in asked["body"]
    assert "Of 1 of the parcels only tokens are left" in asked["body"]


def test_where_policy_lets_nobody_release_them_the_form_does_not_offer_it() -> None:
    asked = questions([line(), line(table_name="patient", why_not_released="An escrow is gone.", sequences=(4,))])
    (may,), (may_not,) = that_may_be_released(asked), that_may_not(asked)
    assert (may["rows"]["table_name"], may_not["rows"]["table_name"]) == ("observation", "patient")
    assert may.keys() == may_not.keys() == {"rows", "subject", "body"}
    assert "They may not be released: An escrow is gone." in may_not["body"]


def test_nobody_is_asked_where_nothing_waits_nor_about_more_than_can_be_read() -> None:
    with pytest.raises(AirflowSkipException):
        questions([])
    asked = questions([line()] * (MOST_QUESTIONS + 3))
    assert len(asked) == MOST_QUESTIONS
    assert all("3 more questions about Y99001 are not asked" in each["body"] for each in asked)
    assert "more questions" not in questions([line()] * MOST_QUESTIONS)[0]["body"]


def an_answer(choice: str, reason: str) -> dict[str, Any]:
    who = {"id": "7", "name": "Ada"}
    return {"chosen_options": [choice], "params_input": {"reason": reason}, "responded_by_user": who}


@pytest.mark.parametrize(("choice", "outcome"), [(RELEASE, "released"), (DISCARD, "discarded")])
def test_the_decision_carries_which_rows_who_and_why(choice: str, outcome: str) -> None:
    (asked,) = questions([line()])
    told = decision_on(asked["rows"], an_answer(choice, " Known. "))
    assert told == {**asked["rows"], "outcome": outcome, "by": "Ada", "reason": "Known."}


def test_what_is_left_and_what_nobody_answered_changes_nothing() -> None:
    for answer in (an_answer(LEAVE, "later"), an_answer(LEAVE, "") | {"responded_by_user": None, "params_input": {}}):
        with pytest.raises(AirflowSkipException):
            decision_on({}, answer)


@pytest.mark.parametrize("reason", ["", "   "])
def test_rows_are_not_decided_on_without_a_reason(reason: str) -> None:
    with pytest.raises(ReasonMissing, match="Say why"):
        decision_on({}, an_answer(DISCARD, reason))


def test_a_question_about_rows_that_was_marked_as_done_decides_nothing() -> None:
    with pytest.raises(ReasonMissing, match="Nobody answered"):
        decision_on({}, None)


@pytest.mark.parametrize(
    ("name", "wrong"), [("practice_code", "9434765919"), ("table_name", "tables"), ("rule_id", "a'b")]
)
def test_the_form_takes_nothing_but_codes_and_names(name: str, wrong: str) -> None:
    with pytest.raises(NotOfThisShape):
        WHICH[name].resolve(wrong)
