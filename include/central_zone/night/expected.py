"""By when something of a practice was due: as reconciling works it out, from the practice's own last deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ARRAY, Connection, Date, Text, cast, func, literal, select, true

from central_zone.reconcile_calendar import Calendar, calendar_of
from central_zone.store.tables import parcel
from crossing.policy import Practice

_DELIVERIES = 17  # of these the gaps are looked at


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When a practice's deliveries are due."""

    practice: Practice | None  # None: it is not in policy, so nothing is due
    calendar: Calendar | None  # None: nothing ever came

    def is_late(self, moment: datetime, last_arrival: datetime | None) -> bool:
        """Whether by this moment something should have come, the last before it having come then."""
        if self.practice is None or not self.practice.takes_part_on(moment.date()):
            return False
        if self.calendar is None:
            return moment.date() - self.practice.participates_from > timedelta(days=1)
        return last_arrival is not None and moment > self.calendar.expected_after(last_arrival)

    def arrived_before(self, moment: datetime) -> datetime | None:
        """The last arrival, where it was before this moment; None where that is not known."""
        last = self.calendar.arrived_last if self.calendar else None
        return last if last and last < moment else None

    def is_late_now(self, now: datetime) -> bool:
        return self.is_late(now, self.calendar.arrived_last if self.calendar else None)


def calendars_of(connection: Connection, collection: str, codes: Sequence[str]) -> dict[str, Calendar]:
    """Of these practices, those that ever sent something. A few of their last parcels are read of each."""
    wanted = func.unnest(literal(list(codes), ARRAY(Text()))).table_valued("practice_code").render_derived()
    last = (
        select(parcel.c.received_at, parcel.c.extract_taken_at)
        .where(parcel.c.collection == collection, parcel.c.practice_code == wanted.c.practice_code)
        .order_by(parcel.c.sequence.desc())
        .limit(_DELIVERIES)
        .lateral()
    )
    day = cast(func.timezone("UTC", last.c.extract_taken_at), Date)
    rows = connection.execute(
        select(
            wanted.c.practice_code,
            func.max(last.c.extract_taken_at),
            func.max(last.c.received_at),
            func.array_agg(day.distinct()),
        )
        .select_from(wanted.join(last, true()))
        .group_by(wanted.c.practice_code)
    )
    return {code: calendar_of(taken, arrived, days) for code, taken, arrived, days in rows}
