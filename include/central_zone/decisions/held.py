"""What is held, and what a steward compares it with: counts of rows and parcels, codes and our own words, never a value.

Rows of `patient` are people: fewer than ten are not told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from central_zone import ledger
from central_zone.decisions.people_needed import people_needed
from central_zone.ledger import Entry
from central_zone.quality.shares import share_in_words
from central_zone.quality.small_numbers import shown
from central_zone.store.connection import transaction
from central_zone.zone import Zone

_COMPARED_WITH = 28  # parcels of the practice, taken in before
_HELD = text("""
SELECT parcel_id FROM ledger.parcel WHERE state = 'held' AND collection = :collection
ORDER BY practice_code, sequence
""")
# Of each rule that something of the parcel broke: how many rows, and what share of rows broke it in earlier parcels.
_BROKEN = text("""
WITH before AS (
  SELECT parcel_number FROM ledger.parcel
  WHERE collection = :collection AND practice_code = :practice_code AND state IN ('loaded', 'compared')
    AND parcel_number < :number ORDER BY parcel_number DESC LIMIT :most
)
SELECT broken.table_name, broken.rule_id, broken.severity, broken.rows_failed, broken.rows_seen,
  sum(earlier.rows_failed) AS failed_before, count(earlier.parcel_number) AS parcels_before,
  sum(earlier.rows_failed)::float8 / nullif(sum(earlier.rows_seen), 0) AS share_before
FROM ledger.rule_result AS broken
LEFT JOIN ledger.rule_result AS earlier
  ON earlier.parcel_number IN (SELECT parcel_number FROM before)
  AND (earlier.table_name, earlier.rule_id) = (broken.table_name, broken.rule_id)
WHERE broken.parcel_number = :number
GROUP BY 1, 2, 3, 4, 5 ORDER BY broken.severity <> 'hold_parcel', broken.rows_failed DESC, 1, 2
""")
_USUAL = text("""
SELECT count(*) AS parcels, percentile_disc(0.5) WITHIN GROUP (ORDER BY rows) AS rows FROM (
  SELECT (SELECT coalesce(sum(value::bigint), 0) FROM jsonb_each_text(rows_loaded) WHERE key <> 'patient') AS rows
  FROM ledger.parcel
  WHERE collection = :collection AND practice_code = :practice_code AND state = 'loaded' AND parcel_number < :number
  ORDER BY parcel_number DESC LIMIT :most
) AS earlier
""")
_SENT = text("""
SELECT coalesce(sum(value::bigint), 0) FROM ledger.parcel, jsonb_each_text(validation -> 'rows_seen')
WHERE parcel_number = :number AND key NOT IN ('patient', 'parcel')
""")
_FIRST = text("SELECT at, actor, event ->> 'reason' AS reason FROM audit.entry WHERE hash = :hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A rule that rows of the parcel broke."""

    table: str
    rule: str
    severity: str
    failed: str  # in words: small numbers of people are not told
    seen: str
    usual: str  # the share of rows that broke it before


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstWord:
    """Who agreed first, where it takes two."""

    by: str
    at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A parcel that waits for a decision."""

    parcel_id: str
    collection: str
    practice_code: str
    sequence: int
    taken_at: datetime
    because: str
    held_by: tuple[str, ...]
    people: int  # how many it takes to load it
    first: FirstWord | None
    rows: int  # of records, without people
    usual_rows: int | None
    parcels_before: int
    broken: tuple[Broken, ...]


def held_parcels(zone: Zone, collection: str, parcel_ids: Iterable[str] | None = None) -> list[Held]:
    """Those of these that are held; all that are where none is named. Raises StoreDown."""
    with transaction(zone.store, "look at held parcels") as connection:
        ids = [str(each) for each in connection.scalars(_HELD, {"collection": collection})]
        wanted = ids if parcel_ids is None else [each for each in dict.fromkeys(parcel_ids) if each in ids]
        entries = ledger.states(connection, wanted)
        return [_held(zone, connection, entries[each]) for each in wanted]


def _held(zone: Zone, connection: Connection, entry: Entry) -> Held:
    asked = {
        "collection": entry.collection,
        "practice_code": entry.practice_code,
        "number": entry.parcel_number,
        "most": _COMPARED_WITH,
    }
    usual = connection.execute(_USUAL, asked).one()
    return Held(
        parcel_id=entry.parcel_id,
        collection=entry.collection,
        practice_code=entry.practice_code,
        sequence=entry.sequence,
        taken_at=entry.extract_taken_at,
        because=entry.state_reason or "",
        held_by=entry.held_by,
        people=people_needed(zone.policy, entry.held_by),
        first=_first(connection, entry),
        rows=int(connection.scalar(_SENT, asked) or 0),
        usual_rows=usual.rows,
        parcels_before=usual.parcels,
        broken=_broken(connection, asked),
    )


def _broken(connection: Connection, asked: dict[str, object]) -> tuple[Broken, ...]:
    return tuple(
        Broken(
            table=row.table_name,
            rule=row.rule_id,
            severity=row.severity,
            failed=shown(row.table_name, row.rows_failed),
            seen=shown(row.table_name, row.rows_seen),
            usual=share_in_words(row.share_before) if row.share_before else "none",
        )
        for row in connection.execute(_BROKEN, asked)
    )


def _first(connection: Connection, entry: Entry) -> FirstWord | None:
    if not entry.decided_by:
        return None
    row = connection.execute(_FIRST, {"hash": entry.audit_hash}).first()
    return FirstWord(by=entry.decided_by, at=row.at if row else None, reason=row.reason if row else "")
