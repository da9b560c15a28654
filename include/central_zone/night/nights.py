"""Which moments belong to which night: one begins when its collection does, and lasts until the next begins."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from croniter import croniter

LONDON = ZoneInfo("Europe/London")


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """From one start of the collection to the next."""

    begins: datetime
    ends: datetime

    @property
    def day(self) -> date:
        """By which people call it: the morning it leads to."""
        return self.begins.astimezone(LONDON).date()


def last_nights(schedule: str, now: datetime, count: int) -> list[Night]:
    """The last `count` nights of a cron schedule in London, oldest first; the last of them goes on."""
    local = now.astimezone(LONDON)
    begins = list(islice(_starts_until(schedule, local), count))
    following = croniter(schedule, local)
    ends = following.get_next(datetime)
    if _same_by_the_clock(ends, begins[0]):
        ends = following.get_next(datetime)
    edges = [*reversed(begins), ends]
    return [Night(begins=first.astimezone(UTC), ends=then.astimezone(UTC)) for first, then in pairwise(edges)]


def _starts_until(schedule: str, local: datetime) -> Iterator[datetime]:
    """Back in time, this moment included. When clocks go back an hour comes twice, and its first start is the night's."""
    back = croniter(schedule, local.replace(microsecond=0) + timedelta(seconds=1))
    start = back.get_prev(datetime)
    while True:
        before = back.get_prev(datetime)
        if not _same_by_the_clock(start, before):
            yield start
        start = before


def _same_by_the_clock(one: datetime, other: datetime) -> bool:
    return one.replace(tzinfo=None) == other.replace(tzinfo=None)


def night_of(moment: datetime, nights: Sequence[Night]) -> int | None:
    """The place of the night that a moment belongs to; None for one before the first."""
    place = bisect_right([night.begins for night in nights], moment) - 1
    return place if place >= 0 else None
