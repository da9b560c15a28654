"""Each rule over all practices: how many parcels it was asked of, in how many something broke it, and how many rows."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from central_zone.expectations.rules import PARCEL
from central_zone.quality.counted import Counted, counted
from central_zone.quality.window import JUDGED, Window, rule_books

_SEEN = f"""
WITH judged AS ({JUDGED})
SELECT suite_sha256, key AS table_name, count(*) AS parcels, sum(value::bigint) AS rows
FROM judged, jsonb_each_text(seen) GROUP BY 1, 2
"""  # noqa: S608 (all of it is ours)
# Of rules that were asked of others than the rows of their table: by how many these are fewer, and of how many parcels of none.
_OTHERWISE = f"""
WITH judged AS ({JUDGED})
SELECT suite_sha256, t.key AS table_name, r.key AS rule_id, count(*) FILTER (WHERE r.value::bigint = 0) AS parcels,
  sum((seen ->> t.key)::bigint - r.value::bigint)::bigint AS rows
FROM judged, jsonb_each(other_seen) AS t, jsonb_each_text(t.value) AS r GROUP BY 1, 2, 3
"""  # noqa: S608 (all of it is ours)
_BROKEN = """
SELECT table_name, rule_id, max(severity) AS severity, sum(parcels)::bigint AS parcels, count(*) AS practices, sum(rows)::bigint AS rows
FROM (
  SELECT r.table_name, r.rule_id, p.practice_code, max(r.severity) AS severity, count(*) AS parcels, sum(r.rows_failed)::bigint AS rows
  FROM ledger.rule_result AS r JOIN ledger.parcel AS p USING (parcel_number)
  WHERE p.collection = :collection AND p.parcel_number >= :first AND r.parcel_number >= :first GROUP BY 1, 2, 3
) AS by_practice GROUP BY 1, 2
"""
_ORDER = {"hold_parcel": 0, "drop_row": 1, "warn": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """One rule of one table, over a window. Rows of people are counted under `counted`'s rule for small numbers."""

    table: str
    rule: str
    severity: str
    parcels_asked: int
    parcels_broken: int
    practices_broken: int
    rows: Counted


def by_rule(connection: Connection, window: Window) -> list[RuleLine]:
    """Every rule that was asked: those that hold parcels first, then by the share of rows that broke them."""
    seen = window.ask(connection, _SEEN)
    books = rule_books(connection, (row.suite_sha256 for row in seen))
    parcels, rows = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    severities: dict[tuple[str, str], str] = {}
    for row in seen:
        for rule, severity in books.get(row.suite_sha256, {}).get(row.table_name, {}).items():
            which = (row.table_name, rule)
            severities[which] = severity
            parcels[which] += row.parcels
            rows[which] += int(row.rows)
    for row in window.ask(connection, _OTHERWISE):
        parcels[row.table_name, row.rule_id] -= row.parcels
        rows[row.table_name, row.rule_id] -= row.rows
    broken = {(row.table_name, row.rule_id): row for row in window.ask(connection, _BROKEN)}
    lines = [
        _line(which, severity, broken.get(which), parcels[which], rows[which])
        for which, severity in severities.items()
        if parcels[which] > 0
    ]
    return sorted(lines, key=_first_what_matters)


def _line(which: tuple[str, str], severity: str, broken: Row[Any] | None, parcels: int, rows: int) -> RuleLine:
    table, rule = which
    parcels_broken, practices = (broken.parcels, broken.practices) if broken else (0, 0)
    nights = -(-parcels_broken // practices) if practices else 1  # that one practice's people may have been counted
    return RuleLine(
        table=table,
        rule=rule,
        severity=severity,
        parcels_asked=parcels,
        parcels_broken=parcels_broken,
        practices_broken=practices,
        rows=counted(table, broken.rows if broken else 0, rows, nights=nights),
    )


def _first_what_matters(line: RuleLine) -> tuple[bool, int, bool, float, str, str]:
    is_quiet = not line.parcels_broken
    share = -(line.rows.share or 0.0)
    return is_quiet, _ORDER.get(line.severity, 3), line.table != PARCEL, share, line.table, line.rule
