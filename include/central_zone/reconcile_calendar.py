"""When a practice's next parcel is to be expected: worked out from its last deliveries, not from our schedule."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

_NIGHTLY = 1
_GRACE = timedelta(hours=12)
_ENOUGH = 3  # gaps; from there on the longest one is taken for the exception it may be


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """The days on which a practice's last extracts were taken, and when the last parcel came in."""

    taken_last: datetime
    arrived_last: datetime
    days: tuple[date, ...]  # newest first, each once

    def usual_days(self) -> int:
        """The longest usual gap: suppliers pause at weekends, and one outage makes no rhythm."""
        between = sorted((later - earlier).days for later, earlier in pairwise(sorted(self.days, reverse=True)))
        if len(between) >= _ENOUGH:
            return between[-2]
        return between[-1] if between else _NIGHTLY

    def expected_by(self) -> datetime:
        return self.expected_after(self.arrived_last)

    def expected_after(self, arrival: datetime) -> datetime:
        """By when, after a parcel that came in then, the next one is due."""
        return arrival + timedelta(days=self.usual_days()) + _GRACE

    def overdue(self, now: datetime) -> list[str]:
        """A sentence where nothing came although it should have; none otherwise."""
        if now <= self.expected_by():
            return []
        days = self.usual_days()
        every = "every day" if days == 1 else f"every {days} days"
        return [f"Nothing has arrived since {self.arrived_last:%Y-%m-%d %H:%M}; it usually comes {every}."]

    def facts(self) -> dict[str, Any]:
        return {
            "taken_last": self.taken_last.isoformat(),
            "arrived_last": self.arrived_last.isoformat(),
            "expected_by": self.expected_by().isoformat(),
        }


def calendar_of(taken_last: datetime, arrived_last: datetime, days: Iterable[date]) -> Calendar:
    return Calendar(
        taken_last=taken_last, arrived_last=arrived_last, days=tuple(sorted(set(days), reverse=True)[:_REMEMBERED])
    )


_REMEMBERED = 16
