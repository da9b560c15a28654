"""The audit chain: each entry's hash covers the one before, so that a changed or missing entry shows."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from central_zone.errors import AuditBroken
from central_zone.store.tables import audit_entry
from crossing.manifest import canonical_json

LOADER = "gp-central"
NOTHING_BEFORE = "0" * 64
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect audit chain', 0))")


def append(connection: Connection, *, actor: str, event: Mapping[str, Any]) -> str:
    """Adds an entry in the caller's transaction and answers the new head. Whole numbers, words and ids only.

    Appenders queue from here until their transaction ends: call it last.
    """
    connection.execute(_ONE_AT_A_TIME)
    seq, previous = head(connection)
    at = connection.execute(select(func.clock_timestamp())).scalar_one()
    entry = {"seq": seq + 1, "at": at, "actor": actor, "event": dict(event), "previous_hash": previous}
    hash_ = _hash(entry)
    connection.execute(insert(audit_entry).values(**entry, hash=hash_))
    return hash_


def head(connection: Connection) -> tuple[int, str]:
    """The number and hash of the last entry; 0 and zeros where there is none."""
    last = connection.execute(
        select(audit_entry.c.seq, audit_entry.c.hash).order_by(audit_entry.c.seq.desc()).limit(1)
    ).first()
    return (last.seq, last.hash) if last else (0, NOTHING_BEFORE)


def verify(connection: Connection, *, published_head: str | None = None) -> tuple[int, str]:
    """Reads the whole chain and answers its head. `published_head` is one seen earlier, say on the register.

    Raises AuditBroken where an entry was changed, removed or inserted, or the published head is no longer in the chain.
    """
    seq, previous, seen = 0, NOTHING_BEFORE, published_head is None
    every_entry = select(audit_entry).order_by(audit_entry.c.seq).execution_options(yield_per=10_000)
    with connection.execute(every_entry) as rows:
        for row in rows.mappings():
            if row["seq"] != seq + 1 or row["previous_hash"] != previous or _hash(row) != row["hash"]:
                raise AuditBroken(
                    f"The audit chain breaks at entry {seq + 1}. Stop loading; compare with the last backup."
                )
            seq, previous = row["seq"], row["hash"]
            seen = seen or previous == published_head
    if not seen:
        raise AuditBroken(
            "The published head is not in the chain: entries were cut off. Stop loading; restore the store."
        )
    return seq, previous


def _hash(entry: Mapping[Any, Any]) -> str:
    covered = {name: entry[name] for name in ("seq", "actor", "event", "previous_hash")}
    return hashlib.sha256(canonical_json({**covered, "at": _as_text(entry["at"])})).hexdigest()


def _as_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
