"""One rule over nights: at one practice a point for each parcel, over all practices a point for each night."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection

from central_zone.quality.counted import Counted, counted
from central_zone.quality.window import JUDGED, ROWS_ASKED, Window, rule_books

_ASKED = ROWS_ASKED.format(judged="j", table=":table", rule=":rule")
_LONDON = "(extract_taken_at AT TIME ZONE 'Europe/London')::date"
_AT_ONE = f"""
WITH judged AS ({JUDGED} AND practice_code = :practice_code)
SELECT {_LONDON} AS night, j.sequence, j.state, j.suite_sha256, {_ASKED} AS seen, coalesce(r.rows_failed, 0) AS failed
FROM judged AS j LEFT JOIN ledger.rule_result AS r
  ON r.parcel_number = j.parcel_number AND r.parcel_number >= :first AND r.table_name = :table AND r.rule_id = :rule
ORDER BY j.parcel_number
"""  # noqa: S608 (all of it is ours)
_AT_ALL = f"""
WITH judged AS ({JUDGED})
SELECT {_LONDON} AS night, j.suite_sha256, count(*) AS parcels, sum({_ASKED})::bigint AS seen,
  coalesce(sum(r.rows_failed), 0)::bigint AS failed
FROM judged AS j LEFT JOIN ledger.rule_result AS r
  ON r.parcel_number = j.parcel_number AND r.parcel_number >= :first AND r.table_name = :table AND r.rule_id = :rule
WHERE {_ASKED} > 0 GROUP BY 1, 2 ORDER BY 1
"""  # noqa: S608 (all of it is ours)


@dataclass(frozen=True, slots=True)
class Point:
    """`rows` is None where the rule was not asked: it was not written yet, or the table had no rows."""

    night: date
    parcels: int
    rows: Counted | None
    sequence: int | None = None


def at_one_practice(connection: Connection, window: Window, practice_code: str, table: str, rule: str) -> list[Point]:
    """In the order in which the extracts were taken."""
    which = {"practice_code": practice_code, "table": table, "rule": rule}
    found = window.ask(connection, _AT_ONE, **which)
    books = rule_books(connection, (row.suite_sha256 for row in found))
    points = []
    for row in found:
        was_asked = row.seen and rule in books.get(row.suite_sha256, {}).get(table, {})
        points.append(Point(row.night, 1, counted(table, row.failed, row.seen) if was_asked else None, row.sequence))
    return points


def at_all_practices(connection: Connection, window: Window, table: str, rule: str) -> list[Point]:
    """A point for each night on which a parcel's extract was taken."""
    found = window.ask(connection, _AT_ALL, table=table, rule=rule)
    books = rule_books(connection, (row.suite_sha256 for row in found))
    nights: dict[date, tuple[int, int, int]] = {}
    for row in found:
        if rule in books.get(row.suite_sha256, {}).get(table, {}):
            parcels, failed, seen = nights.get(row.night, (0, 0, 0))
            nights[row.night] = (parcels + row.parcels, failed + row.failed, seen + row.seen)
    return [
        Point(night, parcels, counted(table, failed, seen)) for night, (parcels, failed, seen) in sorted(nights.items())
    ]
