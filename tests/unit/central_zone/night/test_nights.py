"""A night begins with the collection and lasts until the next, also where clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from central_zone.night.nights import last_nights, night_of

AT_ONE = "0 1 * * *"


def test_a_night_lasts_from_one_collection_to_the_next_and_the_newest_goes_on() -> None:
    nights = last_nights(AT_ONE, datetime(2026, 11, 26, 6, 0, tzinfo=UTC), 3)
    assert [night.day.isoformat() for night in nights] == ["2026-11-24", "2026-11-25", "2026-11-26"]
    assert nights[-1].begins == datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
    assert nights[-1].ends == datetime(2026, 11, 27, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        (datetime(2026, 11, 26, 0, 59, 59, tzinfo=UTC), "2026-11-25"),
        (datetime(2026, 11, 26, 1, 0, tzinfo=UTC), "2026-11-26"),
        (datetime(2026, 7, 1, 0, 30, tzinfo=UTC), "2026-07-01"),  # half past one in London
        (datetime(2026, 6, 30, 23, 30, tzinfo=UTC), "2026-06-30"),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "2026-10-25"),  # half past one, for the first time
        (datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "2026-10-25"),  # and for the second
    ],
)
def test_before_the_collection_it_is_still_last_night(now: datetime, day: str) -> None:
    assert last_nights(AT_ONE, now, 2)[-1].day.isoformat() == day


@pytest.mark.parametrize("now", [datetime(2026, 10, 27, 12, tzinfo=UTC), datetime(2026, 3, 31, 12, tzinfo=UTC)])
def test_where_clocks_change_no_night_is_lost_and_none_counts_twice(now: datetime) -> None:
    nights = last_nights(AT_ONE, now, 5)
    days = [night.day for night in nights]
    assert days == [days[-1] - timedelta(days=back) for back in (4, 3, 2, 1, 0)]
    assert all(first.ends == then.begins for first, then in pairwise(nights))


def test_a_moment_belongs_to_one_night_and_one_before_all_to_none() -> None:
    nights = last_nights(AT_ONE, datetime(2026, 11, 26, 6, 0, tzinfo=UTC), 2)
    assert night_of(nights[1].begins, nights) == 1
    assert night_of(nights[1].begins - timedelta(seconds=1), nights) == 0
    assert night_of(nights[0].begins - timedelta(seconds=1), nights) is None
