"""When a practice is overdue follows from its own last deliveries."""

from datetime import UTC, date, datetime, timedelta

import pytest

from central_zone.reconcile_calendar import calendar_of

LAST = datetime(2026, 11, 20, 2, tzinfo=UTC)


def a_calendar(*days_of_november):
    return calendar_of(LAST, LAST, [date(2026, 11, day) for day in days_of_november])


@pytest.mark.parametrize(
    ("days", "usual"),
    [
        ([20], 1),  # nothing is known yet: nightly
        ([19, 20], 1),
        ([13, 20], 7),
        ([20, 19, 18, 17, 16, 13, 12, 11, 10, 9, 6, 5], 3),  # never on weekends
        ([20, 19, 18, 17, 3, 2, 1], 1),  # one outage makes no rhythm
        ([20, 20, 19, 19, 18, 18], 1),  # two extracts a day
    ],
)
def test_the_usual_gap(days, usual):
    assert a_calendar(*days).usual_days() == usual


def test_it_is_overdue_half_a_day_after_it_should_have_come():
    calendar = a_calendar(19, 20)
    assert calendar.overdue(LAST + timedelta(days=1, hours=12)) == []
    (told,) = calendar.overdue(LAST + timedelta(days=1, hours=12, seconds=1))
    assert told == "Nothing has arrived since 2026-11-20 02:00; it usually comes every day."


def test_only_the_last_deliveries_count():
    long_ago = [date(2020, 1, 1), date(2020, 3, 1), date(2020, 6, 1)]
    recent = [date(2026, 11, 20) - timedelta(days=number) for number in range(16)]
    assert calendar_of(LAST, LAST, [*long_ago, *recent]).usual_days() == 1
