"""Quarantine at a glance: what waits by practice, table and rule, and what stewards decided last. Counts and rules, never a row."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from central_zone.quality.releasable import read_releasable
from central_zone.quality.small_numbers import OF_PEOPLE, shown
from central_zone.quality.window import Window
from crossing.policy import Policy

# Most rows first, but for rows that are people: their order would tell what the page does not. The index of rows that wait has them
# in the order in which they are counted; IS TRUE keeps the server from joining a million of them where a look into a list will do.
_WAITING = """
SELECT practice_code, table_name, rule_id, count(*) AS rows, count(DISTINCT parcel_number) AS parcels, count(*) OVER () AS found
FROM quarantine.row
WHERE decision_number IS NULL AND parcel_number >= :first {of_practice}
  AND (parcel_number IN (SELECT parcel_number FROM ledger.parcel WHERE collection = :collection AND parcel_number >= :first)) IS TRUE
GROUP BY 1, 2, 3 ORDER BY CASE WHEN table_name = :of_people THEN 0 ELSE count(*) END DESC, 1, 2, 3
LIMIT :most OFFSET :after
"""
_OF_ALL = text(_WAITING.format(of_practice=""))
_OF_PRACTICE = text(_WAITING.format(of_practice="AND practice_code = :practice_code"))
_DECIDED = text("""
SELECT decision.at, decision.decided_by, parcel.practice_code, parcel.sequence, decision.table_name, decision.rule_ids,
  decision.outcome, decision.rows, decision.reason
FROM quarantine.decision AS decision JOIN ledger.parcel AS parcel USING (parcel_number)
WHERE parcel.collection = :collection AND :practice_code IN ('', parcel.practice_code)
ORDER BY decision.decision_number DESC LIMIT :most
""")
_DECISIONS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Rows of one table of a practice that broke one rule. A row that broke two is in two of these."""

    practice_code: str
    table_name: str
    rule_id: str
    rows: str  # in words: small numbers of people are not told
    parcels: int
    why_not_released: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedRows:
    """One word of a steward on rows of one parcel."""

    at: datetime
    by: str
    practice_code: str
    sequence: int
    table_name: str
    rule_ids: tuple[str, ...]
    outcome: str
    rows: str
    reason: str


def waiting_rows(
    connection: Connection, window: Window, policy: Policy, *, practice_code: str = "", most: int, after: int = 0
) -> tuple[list[Waiting], int]:
    """Some of what waits, and how many lines there are in all."""
    releasable = read_releasable(policy)
    asked = {**window.asked(), "practice_code": practice_code, "most": most, "after": after, "of_people": OF_PEOPLE}
    connection.execute(text("SET LOCAL jit = off"))
    connection.execute(
        text("SET LOCAL work_mem = '256MB'")
    )  # a year of parcels is looked up in memory, or each row in all of them
    found = connection.execute(_OF_PRACTICE if practice_code else _OF_ALL, asked).all()
    lines = [
        Waiting(
            practice_code=row.practice_code,
            table_name=row.table_name,
            rule_id=row.rule_id,
            rows=shown(row.table_name, row.rows, row.parcels),
            parcels=row.parcels,
            why_not_released=releasable.why_not(row.table_name, row.rule_id),
        )
        for row in found
    ]
    return lines, found[0].found if found else 0


def decided_rows(connection: Connection, collection: str, *, practice_code: str = "") -> list[DecidedRows]:
    """Newest first."""
    asked = {"collection": collection, "practice_code": practice_code, "most": _DECISIONS}
    return [
        DecidedRows(
            at=row.at,
            by=row.decided_by,
            practice_code=row.practice_code,
            sequence=row.sequence,
            table_name=row.table_name,
            rule_ids=tuple(row.rule_ids),
            outcome=row.outcome,
            rows=shown(row.table_name, row.rows),
            reason=row.reason,
        )
        for row in connection.execute(_DECIDED, asked)
    ]
