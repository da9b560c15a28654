"""What a steward is asked of one practice: of each table, by the rules that its rows broke, those that wait in quarantine.

A row that broke two rules stands in one line, under both; so the lines add up to the rows that wait.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, text

from central_zone.quality.releasable import Releasable, read_releasable
from central_zone.quality.small_numbers import shown
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.role_names import STEWARD
from central_zone.zone import opened
from crossing.policy import Policy

_WAITING = text("""
SELECT broken.table_name, broken.rules, parcel.parcel_id, parcel.sequence, count(*) AS rows
FROM (
  SELECT parcel_number, table_name, record_token, array_agg(DISTINCT rule_id ORDER BY rule_id) AS rules
  FROM quarantine.row WHERE decision_number IS NULL AND parcel_number IN (
    SELECT parcel_number FROM ledger.parcel WHERE collection = :collection AND practice_code = :practice_code
  ) GROUP BY 1, 2, 3
) AS broken JOIN ledger.parcel AS parcel USING (parcel_number)
WHERE :table_name IN ('', broken.table_name) AND (:rule_id = '' OR :rule_id = ANY (broken.rules))
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 4
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Rows of one table that broke these rules and no other, in some parcels of a practice."""

    practice_code: str
    table_name: str
    rule_ids: tuple[str, ...]
    rows: str  # in words: small numbers of people are not told
    parcel_ids: tuple[str, ...]  # of all, in order
    sequences: tuple[int, ...]
    gone: int | None  # how many of the parcels are in the inbox no more; None where that cannot be seen
    why_not_released: str | None  # None where policy lets a steward release them


def lines_of(
    collection: str, *, practice_code: str, settings: Settings, table_name: str = "", rule_id: str = ""
) -> list[Line]:
    """What waits of a practice, of one table or rule where they are named, as whoever carries a decision out sees it: with
    the inbox. Raises StoreDown.
    """
    with opened(settings, role=STEWARD) as zone, transaction(zone.store, "look into quarantine") as connection:
        found = lines(connection, zone.policy, collection, practice_code, table_name=table_name, rule_id=rule_id)
        return [replace(each, gone=sum(not zone.folder(one).exists() for one in each.parcel_ids)) for each in found]


def lines(
    connection: Connection,
    policy: Policy,
    collection: str,
    practice_code: str,
    *,
    table_name: str = "",
    rule_id: str = "",
) -> list[Line]:
    """The same in a transaction of the steward's, by whoever sees no inbox."""
    asked = {"collection": collection, "practice_code": practice_code, "table_name": table_name, "rule_id": rule_id}
    releasable = read_releasable(policy)
    found = groupby(connection.execute(_WAITING, asked).all(), lambda row: (row.table_name, tuple(row.rules)))
    return [_line(practice_code, table, rules, list(rows), releasable) for (table, rules), rows in found]


def _line(
    practice_code: str, table: str, rules: tuple[str, ...], rows: Sequence[Row[Any]], releasable: Releasable
) -> Line:
    return Line(
        practice_code=practice_code,
        table_name=table,
        rule_ids=rules,
        rows=shown(table, sum(row.rows for row in rows), len(rows)),
        parcel_ids=tuple(str(row.parcel_id) for row in rows),
        sequences=tuple(row.sequence for row in rows),
        gone=None,
        why_not_released=_why_not(releasable, table, rules),
    )


def _why_not(releasable: Releasable, table: str, rules: Iterable[str]) -> str | None:
    return next((why for rule in rules if (why := releasable.why_not(table, rule))), None)
