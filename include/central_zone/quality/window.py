"""Which parcels a question is about: of one collection, judged, of extracts taken since a day. And which rules they were asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, text

_LONDON = ZoneInfo("Europe/London")
_ARRIVALS = 30  # bits of a parcel's number that are its order of arrival: see ledger.number_by_time
# What is asked for stands in columns of its own: to look into `validation` the server would unpack each parcel's profile, too.
# A parcel's number begins with the second its extract was taken, so an index finds those of some nights.
JUDGED = """
SELECT parcel_number, practice_code, supplier_format, sequence, extract_kind, state, extract_taken_at,
  suite_sha256, rows_seen AS seen, rows_seen_by_rule AS other_seen, rows_of_records_seen AS rows_of_records
FROM ledger.parcel WHERE collection = :collection AND parcel_number >= :first AND rows_seen IS NOT NULL
"""

_NEWEST = text("""
SELECT extract_taken_at FROM ledger.parcel WHERE collection = :collection AND rows_seen IS NOT NULL
ORDER BY parcel_number DESC LIMIT 1
""")


def first_number(since: datetime) -> int:
    """Below the number of every parcel whose extract was taken since then."""
    return int(since.timestamp()) << _ARRIVALS


@dataclass(frozen=True, slots=True)
class Window:
    """Since when, of which collection."""

    collection: str
    since: datetime
    last_day: date | None = None  # the newest extract's, where days are counted back from its end and not from now

    @property
    def until(self) -> datetime | None:
        """None: until now."""
        return _end_of(self.last_day) if self.last_day else None

    def asked(self) -> dict[str, str | int]:
        """The parameters of JUDGED."""
        return {"collection": self.collection, "first": first_number(self.since)}

    def ask(self, connection: Connection, query: str, **more: object) -> Sequence[Row[Any]]:
        """Some of these group a million lines, which the server's few megabytes a query would sort on its disk."""
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        return connection.execute(text(query), {**self.asked(), **more}).all()


def last_days(connection: Connection, collection: str, days: int, *, now: datetime) -> Window:
    """Days before now; where nothing has been judged for longer, before the end of the newest extract's day, so that somebody
    who looks after a pause sees what there is."""
    newest = connection.scalar(_NEWEST, {"collection": collection})
    last_day = newest.astimezone(_LONDON).date() if newest else None
    if last_day is None or _end_of(last_day) >= now:
        return Window(collection, now - timedelta(days=days))
    return Window(collection, _end_of(last_day) - timedelta(days=days), last_day)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(), _LONDON)


# Of how many rows a rule was asked: those of its table, but for rules that look beside a row, or not at every parcel.
ROWS_ASKED = "coalesce(({judged}.other_seen -> {table} ->> {rule})::bigint, ({judged}.seen ->> {table})::bigint)"

Book = Mapping[str, Mapping[str, str]]  # table -> rule -> severity


def rule_books(connection: Connection, suites: Iterable[str]) -> dict[str, Book]:
    """The rules there were, by the fingerprint that a parcel's judgement names."""
    asked = text("SELECT suite_sha256, rules FROM ledger.rule_book WHERE suite_sha256 = ANY(:suites)")
    return {row.suite_sha256: row.rules for row in connection.execute(asked, {"suites": sorted(set(suites))})}
