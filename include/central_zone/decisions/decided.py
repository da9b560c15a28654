"""Who decided what, and why: the newest words of stewards in the audit chain."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from central_zone.store.connection import transaction
from central_zone.zone import Zone

_SHOWN = 50
# Looking on into the past for the last few would read the whole chain, which grows by each parcel for ever.
_ENTRIES_LOOKED_AT = 20_000
_DECIDED = text("""
SELECT entry.seq, entry.at, entry.actor, entry.event, parcel.practice_code, parcel.sequence
FROM (SELECT * FROM audit.entry WHERE seq > (SELECT max(seq) FROM audit.entry) - :looked_at) AS entry
LEFT JOIN ledger.parcel ON parcel.parcel_id =
  coalesce(entry.event ->> 'decided', entry.event ->> 'approved_first', entry.event ->> 'quarantine_decided')::uuid
WHERE entry.event ?| ARRAY['decided', 'approved_first', 'quarantine_decided', 'skipped']
ORDER BY entry.seq DESC LIMIT :shown
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One word of a steward."""

    entry: int  # of the audit chain
    at: datetime
    by: str
    practice_code: str
    sequence: int | None
    what: str
    reason: str


def last_decisions(zone: Zone) -> list[Decided]:
    """Newest first. Raises StoreDown."""
    with transaction(zone.store, "look at decisions") as connection:
        rows = connection.execute(_DECIDED, {"shown": _SHOWN, "looked_at": _ENTRIES_LOOKED_AT}).all()
    return [
        Decided(
            entry=row.seq,
            at=row.at,
            by=row.actor,
            practice_code=row.practice_code or str(row.event.get("skipped", "")),
            sequence=row.sequence if row.sequence is not None else row.event.get("sequence"),
            what=_what(row.event),
            reason=str(row.event.get("reason", "")),
        )
        for row in rows
    ]


def _what(event: dict[str, object]) -> str:
    if "approved_first" in event:
        return "approved, as the first of two"
    if "decided" in event:
        return f"{event['state']}, after {event['first']}" if "first" in event else str(event["state"])
    return f"rows kept out: {event.get('outcome', 'decided')}" if "quarantine_decided" in event else "a place given up"
