"""The audit chain: each entry's hash covers the one before, so that a changed or missing entry shows.

The database lets nobody but the next entry in (migration 0009). Its own administrator can do more: what shows that is
outside the store, and central_zone.chain.verify compares.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select, text

from central_zone.chain.entry import NOTHING_BEFORE, AuditEntry
from central_zone.login import login
from central_zone.store.tables import audit_entry

LOADER = "gp-central"
_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect audit chain', 0))")
# A statement of its own: it sees what was committed while the one above waited.
_LAST = text("""
    SELECT clock_timestamp() AS at, session_user::text AS written_by, last.seq, last.hash
    FROM (SELECT) AS one LEFT JOIN LATERAL (SELECT seq, hash FROM audit.entry ORDER BY seq DESC LIMIT 1) AS last ON true
""")


def append(connection: Connection, *, actor: str, event: Mapping[str, Any]) -> str:
    """Adds an entry in the caller's transaction and answers the new head. Whole numbers, words and ids only.

    Appenders queue from here until their transaction ends: call it last.
    """
    connection.execute(_ONE_AT_A_TIME)
    last = connection.execute(_LAST).one()
    entry = AuditEntry(
        seq=(last.seq or 0) + 1,
        at=last.at,
        actor=actor,
        event=dict(event),
        previous_hash=last.hash or NOTHING_BEFORE,
        written_by=last.written_by,
    )
    hash_ = entry.hash_at(entry.seq)
    connection.execute(
        insert(audit_entry).values(
            seq=entry.seq,
            at=entry.at,
            actor=actor,
            event=entry.event,
            previous_hash=entry.previous_hash,
            written_by=entry.written_by,
            hash=hash_,
        )
    )
    return hash_


def append_word(connection: Connection, *, by: str, event: Mapping[str, Any]) -> str:
    """The same for what a person said. A command believes the name it is given, so the login it ran under stands beside it."""
    return append(connection, actor=by, event={**event, "login": login()})


def head(connection: Connection) -> tuple[int, str]:
    """The number and hash of the last entry; 0 and zeros where there is none."""
    last = connection.execute(
        select(audit_entry.c.seq, audit_entry.c.hash).order_by(audit_entry.c.seq.desc()).limit(1)
    ).first()
    return (last.seq, last.hash) if last else (0, NOTHING_BEFORE)
