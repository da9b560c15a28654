"""Which deliveries a run may take. A nightly run takes all that is new; a backfill, what was taken in a window of the past."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from croniter import croniter

from crossing.errors import PersonMustAct

_ENGLAND = ZoneInfo("Europe/London")
_BACKFILL = "backfill__"  # Airflow names its runs by how they came about, then by the moment they stand for


class WindowUnreadable(PersonMustAct):
    """A backfill does not say which window of time it stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """After one instant, up to and with another; measured by when suppliers took their extracts."""

    after: datetime
    until: datetime

    def holds(self, instant: datetime) -> bool:
        return self.after < instant <= self.until


def window_of_days(first: date, last: date) -> Window:
    """Whole days, both of them included, in UTC: the time suppliers' stamps are read in."""
    if last < first:
        raise WindowUnreadable("--until is before --from. Give the first and the last day, both are included.")
    a_moment = timedelta(microseconds=1)
    return Window(
        after=datetime.combine(first, time.min, UTC) - a_moment,
        until=datetime.combine(last + timedelta(days=1), time.min, UTC) - a_moment,
    )


def window_of_run(run_id: str, schedule: str) -> Window | None:
    """None for a night's run: everything up to now. For a backfill's, from the scheduled moment before its own.

    Raises WindowUnreadable rather than take everything where only a part was asked for.
    """
    if not run_id.startswith(_BACKFILL):
        return None
    try:
        moment = datetime.fromisoformat(run_id.removeprefix(_BACKFILL)).astimezone(UTC)
    except ValueError:
        raise WindowUnreadable(
            "The run is named as a backfill but not by the moment it stands for. Make it with: airflow backfill create"
        ) from None
    return Window(after=_scheduled_before(moment, schedule), until=moment)


def _scheduled_before(moment: datetime, schedule: str) -> datetime:
    """By the clock on the wall, as Airflow reckons: also when the clocks change, no hour lies between two windows."""
    earlier = croniter(schedule, moment.astimezone(_ENGLAND).replace(tzinfo=None))
    before = moment
    while before >= moment:  # in March the hour that the wall's clock leaves out is the moment itself
        before = earlier.get_prev(datetime).replace(tzinfo=_ENGLAND).astimezone(UTC)
    return before
