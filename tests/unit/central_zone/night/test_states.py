"""One word a night: a failure that nothing made good, else what is open, else what came last."""

from datetime import UTC, datetime, timedelta

import pytest

from central_zone.night.states import MEANINGS, STATES, Arrived, Failure, cell_of
from central_zone.store.tables import STATES as OF_PARCELS

ONE = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)


def arrived(state: str, minutes: int = 10, parcels: int = 1) -> Arrived:
    return Arrived(state=state, parcels=parcels, last_at=ONE + timedelta(minutes=minutes))


def failure(minutes: int, *, of_source: bool = True) -> Failure:
    return Failure(
        practice_code="Y99001",
        at=ONE + timedelta(minutes=minutes),
        of_source=of_source,
        step="pull",
        error="FileRefused",
        who_acts="person",
        message="Ask for it again.",
        task="/dags/x",
    )


def state(*came: Arrived, failed: tuple[Failure, ...] = (), is_late: bool = False) -> str:
    return cell_of(came, failed, is_late=is_late).state


def test_every_state_of_a_parcel_and_every_word_has_its_meaning() -> None:
    assert set(MEANINGS) == set(STATES)
    assert {state(arrived(each)) for each in OF_PARCELS} <= set(STATES)


@pytest.mark.parametrize(("is_late", "word"), [(True, "late"), (False, "not_due")])
def test_where_nothing_came_it_was_due_or_not(is_late: bool, word: str) -> None:
    assert state(is_late=is_late) == word


def test_what_is_open_goes_before_what_is_settled_and_the_last_settles() -> None:
    assert state(arrived("loaded", 30), arrived("held", 10)) == "held"
    assert state(arrived("received", 30), arrived("waiting", 10)) == "waiting"
    assert state(arrived("refused", 10), arrived("loaded", 30)) == "loaded"
    assert state(arrived("refused", 30), arrived("loaded", 10)) == "refused"


def test_a_failure_at_the_source_stands_until_a_parcel_comes() -> None:
    assert state(failed=(failure(5),)) == "failed"
    assert state(arrived("loaded", 10), failed=(failure(5),)) == "loaded"
    assert state(arrived("loaded", 10), failed=(failure(20),)) == "failed"


def test_a_failure_at_the_centre_stands_while_the_parcel_is_on_its_way() -> None:
    at_centre = failure(20, of_source=False)
    assert state(arrived("validated"), failed=(at_centre,)) == "failed"
    for settled in ("loaded", "held", "refused"):
        assert state(arrived(settled), failed=(at_centre,)) == settled


def test_a_failure_that_was_made_good_is_still_told_of() -> None:
    cell = cell_of([arrived("loaded", 10)], [failure(2), failure(5)], is_late=False)
    assert cell.failure == failure(5)
