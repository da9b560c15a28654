"""The window of a backfill: whole days for the command, from one scheduled moment to the next for Airflow."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from source_zone.windows import WindowUnreadable, window_of_days, window_of_run

NIGHTLY = "0 1 * * *"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_days_are_whole_and_both_included() -> None:
    window = window_of_days(date(2026, 9, 2), date(2026, 9, 3))
    inside = [at("2026-09-02T00:00:00"), at("2026-09-03T23:59:59.999999")]
    outside = [at("2026-09-01T23:59:59.999999"), at("2026-09-04T00:00:00")]
    assert [window.holds(each) for each in inside + outside] == [True, True, False, False]


def test_days_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(WindowUnreadable):
        window_of_days(date(2026, 9, 3), date(2026, 9, 2))


@pytest.mark.parametrize(
    "run_id", ["scheduled__2026-09-03T00:00:00+00:00", "manual__2026-09-03T00:00:00+00:00", "night-1"]
)
def test_a_nights_run_has_no_window(run_id: str) -> None:
    assert window_of_run(run_id, NIGHTLY) is None


def test_a_backfills_window_goes_from_the_scheduled_moment_before_up_to_its_own() -> None:
    window = window_of_run("backfill__2026-09-03T00:00:00+00:00", NIGHTLY)
    assert window is not None
    assert (window.after, window.until) == (at("2026-09-02T00:00:00"), at("2026-09-03T00:00:00"))
    assert not window.holds(window.after)


@pytest.mark.parametrize("run_id", ["backfill__", "backfill__yesterday"])
def test_a_backfill_that_does_not_say_which_moment_takes_nothing(run_id: str) -> None:
    with pytest.raises(WindowUnreadable):
        window_of_run(run_id, NIGHTLY)


@pytest.mark.fault(
    "F22",
    injected="nightly windows over both changes of the clock",
    happened="no moment is left out, none is taken twice",
)
@pytest.mark.airflow
@pytest.mark.parametrize("schedule", [NIGHTLY, "30 1 * * *", "0 2 * * 1-5"])
def test_the_windows_of_a_year_leave_no_moment_out_also_when_the_clocks_change(schedule: str) -> None:
    """Held against Airflow's own timetable, which makes the moments. Two windows may share an hour: nothing is taken twice."""
    from airflow.timetables.base import TimeRestriction
    from airflow.timetables.trigger import CronTriggerTimetable
    from pendulum import instance

    timetable = CronTriggerTimetable(schedule, timezone="Europe/London")
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    restriction = TimeRestriction(earliest=instance(first), latest=instance(last), catchup=True)
    moments, info = [], None
    while info := timetable.next_dagrun_info(
        last_automated_data_interval=info and info.data_interval, restriction=restriction
    ):
        moments.append(info.run_after)
    windows = [window_of_run(f"backfill__{moment.isoformat()}", schedule) for moment in moments]
    assert len(windows) > 250
    gaps = [
        (before.until, after.after)
        for before, after in pairwise(windows)
        if before and after and before.until < after.after
    ]
    assert gaps == []
    assert all(each and each.until - each.after < timedelta(days=4) for each in windows)
