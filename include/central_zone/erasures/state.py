"""How the store and the erasure journal stand to each other, for who asks by hand."""

from typing import Any

from sqlalchemy import func, select, text

from central_zone.erasures import agree, journal
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.erasure_tables import batch, mark, serving
from central_zone.store.role_names import AUDITOR


def status(settings: Settings) -> dict[str, Any]:
    """Counts and positions. Never raises for a store that does not agree: see `check`."""
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "look at the erasures") as connection:
        agree.lock_shared(connection)
        number, _ = agree.position(connection)
        tail = journal.tail(settings.erasure_journal_folder) if settings.has_erasure_journal else None
        may_serve = select(serving.c.identity == text("erasure.identity()"))
        people = connection.scalar(select(func.coalesce(func.sum(batch.c.people), 0)))
        return {
            "journal": tail[0] if tail else 0,
            "applied": number,
            "people": int(people or 0),
            "marks": int(connection.scalar(select(func.count()).select_from(mark)) or 0),
            "serves": bool(connection.scalar(may_serve)),
        }


def check(settings: Settings) -> None:
    """Raises ErasuresMissing, JournalMissing or JournalBroken."""
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "look at the erasures") as connection:
        agree.check_erasures_agree(connection, settings)


def verify(settings: Settings) -> dict[str, Any]:
    """Reads the whole journal, line by line, up to where the store is and beyond. Raises as `check` does."""
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "look at the erasures") as connection:
        agree.lock_shared(connection)
        here = agree.position(connection)
        ahead = 0
        if here[0] or (settings.has_erasure_journal and journal.tail(settings.erasure_journal_folder)):
            ahead = sum(1 for _ in journal.lines(settings.erasure_journal_folder, after=here))
    check(settings)
    return {"journal": "holds", "lines": here[0] + ahead, "applied": here[0]}
