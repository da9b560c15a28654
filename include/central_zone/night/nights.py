"""Which moments belong to which night: one begins when its collection does, and lasts until the next begins."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
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
    back, on = croniter(schedule, local), croniter(schedule, local)
    # A moment at which a collection starts begins a night itself.
    begins = [local] if croniter.match(schedule, local) and local.second == 0 == local.microsecond else []
    while len(begins) < count:
        begins.append(back.get_prev(datetime))
    edges = [*reversed(begins), on.get_next(datetime)]
    return [Night(begins=first.astimezone(UTC), ends=then.astimezone(UTC)) for first, then in pairwise(edges)]


def night_of(moment: datetime, nights: Sequence[Night]) -> int | None:
    """The place of the night that a moment belongs to; None for one before the first."""
    place = bisect_right([night.begins for night in nights], moment) - 1
    return place if place >= 0 else None
