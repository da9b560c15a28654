"""Whether the store has applied every erasure that the journal holds. Who loads, publishes or releases asks first."""

from sqlalchemy import Connection, select, text, update

from central_zone.chain.agree import RUN_RESTORED, check_audit_agrees
from central_zone.erasures import journal
from central_zone.errors import ErasuresMissing, JournalBroken, JournalMissing
from central_zone.settings import Settings
from central_zone.store.erasure_tables import applied_up_to, serving

_LOCK = "hashtextextended('gp-collect erasures', 0)"


def lock_alone(connection: Connection) -> None:
    """For who erases: no load and no other erasure is under way until the caller's transaction ends.

    Take no practice's lock after it: loaders hold theirs while they wait for this one.
    """
    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def lock_shared(connection: Connection) -> None:
    """For who loads: no erasure begins or commits until the caller's transaction ends."""
    connection.execute(text(f"SELECT pg_advisory_xact_lock_shared({_LOCK})"))


def position(connection: Connection) -> journal.Position:
    """How far the store has applied the journal."""
    row = connection.execute(select(applied_up_to.c.number, applied_up_to.c.line_sha256)).one()
    return row.number, row.line_sha256


def move_to(connection: Connection, number: int, line_sha256: str) -> None:
    connection.execute(update(applied_up_to).values(number=number, line_sha256=line_sha256))


def check_erasures_agree(connection: Connection, settings: Settings) -> None:
    """Raises ErasuresMissing where the journal is ahead of the store, as after a restore; JournalMissing or JournalBroken.

    Waits for an erasure that is under way, and keeps the next one waiting until the caller's transaction ends.
    """
    lock_shared(connection)
    check_still_serves(connection, settings)


def check_still_serves(connection: Connection, settings: Settings) -> None:
    """The same for who holds one of the locks already. Raises StoreIsOlder too, where audit entries are missing."""
    check_is_confirmed(connection)
    check_audit_agrees(connection, settings)
    check_position(connection, settings)


def check_is_confirmed(connection: Connection) -> None:
    """Raises ErasuresMissing for a restored copy that nobody confirmed."""
    if not connection.execute(select(serving.c.identity == text("erasure.identity()"))).scalar():
        raise ErasuresMissing(f"The store is a restored copy that nobody confirmed. {RUN_RESTORED}")


def check_position(connection: Connection, settings: Settings) -> None:
    """The same of the journal alone; the caller holds one of the locks."""
    number, line_sha256 = position(connection)
    if not number and not settings.has_erasure_journal:
        return
    tail = journal.tail(settings.erasure_journal_folder)
    if tail is None and number:
        raise JournalMissing(
            f"GP_ERASURE_JOURNAL_DIR holds no journal, and the store has applied {number} lines. Restore it from its copy."
        )
    if tail is None or tail == (number, line_sha256):
        return
    if tail[0] > number:
        raise ErasuresMissing(
            f"The journal holds {tail[0]} batches of erasures, the store has applied {number}: a run was "
            "killed. Run: gp-central erasures reapply"
        )
    raise JournalBroken(
        f"The erasure journal ends at line {tail[0]} and is not the one of which the store applied {number} lines. "
        "Restore the journal from its copy."
    )
