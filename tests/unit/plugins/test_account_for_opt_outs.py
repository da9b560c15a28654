"""When a run about opt-outs is green, whom it wakes, and what it says when it is not."""

from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from account_for_opt_outs import (
    announce_notices,
    announce_notices_taken,
    every_notice_taken,
    every_opt_out_upheld,
    noting_tries,
)

SAID = {"parcels": ["a-notice"], "failed": {}, "a_person_must_act": False}
SENT, NATIONAL = {"carrier": "directory"}, {"state": "not_set_up", "parcels": []}
FAILED = {**SAID, "failed": {"Y99001": "MemoryUnreadable: its memory does not open."}, "a_person_must_act": True}


def test_what_left_is_announced_and_nothing_wakes_nobody() -> None:
    assert announce_notices(SAID, None) == ["a-notice"]
    with pytest.raises(AirflowSkipException):
        announce_notices({**SAID, "parcels": []}, None)


def test_a_task_that_was_begun_before_wakes_the_centre_for_what_left_then_is_not_known() -> None:
    again = noting_tries({**SAID, "parcels": []}, SimpleNamespace(try_number=2))
    assert announce_notices(again, None) == []
    first = noting_tries({**SAID, "parcels": []}, SimpleNamespace(try_number=1))
    with pytest.raises(AirflowSkipException):
        announce_notices(first, None)


def test_green_when_every_practice_was_looked_at_and_all_was_sent() -> None:
    every_opt_out_upheld(SAID, SENT, NATIONAL, NATIONAL)


def test_a_practice_that_failed_makes_it_red_by_name() -> None:
    with pytest.raises(AirflowFailException, match="Y99001"):
        every_opt_out_upheld(FAILED, SENT, NATIONAL, NATIONAL)


def test_a_busy_practice_may_be_tried_again() -> None:
    with pytest.raises(AirflowException) as told:
        every_opt_out_upheld({**FAILED, "a_person_must_act": False}, SENT, NATIONAL, NATIONAL)
    assert not isinstance(told.value, AirflowFailException)


@pytest.mark.parametrize("failed", range(4))
def test_a_step_that_failed_whole_is_no_success(failed: int) -> None:
    steps = [SAID, SENT, NATIONAL, NATIONAL]
    steps[failed] = None
    with pytest.raises(AirflowFailException):
        every_opt_out_upheld(*steps)


def took(*notices: dict, tried_before: bool = False) -> dict:
    return {"notices": list(notices), "tried_before": tried_before}


def test_only_what_was_acted_on_now_wakes_the_register() -> None:
    acted, already = {"state": "applied", "parcel_id": "one"}, {"state": "already", "parcel_id": "one"}
    assert announce_notices_taken(took(acted, {"state": "already"})) == ["one"]
    for said in (took(already), took(), None):
        with pytest.raises(AirflowSkipException):
            announce_notices_taken(said)


def test_a_task_that_was_cleared_when_its_notices_were_taken_wakes_the_register_in_doubt() -> None:
    assert announce_notices_taken(took(tried_before=True)) == []


def test_a_notice_that_failed_is_told_and_a_fetch_that_failed_too() -> None:
    failed = {"state": "failed", "parcel_id": "one", "reason": "ParcelRefused: no.", "a_person_must_act": True}
    with pytest.raises(AirflowFailException, match="ParcelRefused"):
        every_notice_taken(took(failed), {})
    with pytest.raises(AirflowFailException, match="fetch_parcels"):
        every_notice_taken(took(), None)
    with pytest.raises(AirflowFailException):
        every_notice_taken(None, {})
    assert every_notice_taken(took({"state": "applied", "parcel_id": "one"}), {}) == 1
