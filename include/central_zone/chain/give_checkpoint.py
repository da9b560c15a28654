"""Give a checkpoint: once something was committed, what the chain is now is signed and written down outside the store."""

from sqlalchemy import Connection, Engine, func, select, text

from central_zone import audit, keys
from central_zone.chain import checkpoints
from central_zone.chain.agree import check_audit_agrees
from central_zone.chain.note import Checkpoint, signed_note
from central_zone.chain.walk import RESTORED_FROM
from central_zone.errors import StoreIsOlder
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.erasure_tables import serving
from central_zone.store.tables import audit_entry


def give_checkpoint(settings: Settings, store: Engine) -> str | None:
    """The signed note of today's chain; None where nothing is kept, or nothing may be signed for.

    A store that was restored and not confirmed signs for nothing: two checkpoints of ours would contradict each other.
    Raises FolderUnusable, CheckpointsBroken or KeyRefused.
    """
    folder = settings.checkpoints_folder
    if folder is None:
        return None
    with checkpoints.only_writer(folder) as journal:
        with transaction(store, "give a checkpoint") as connection:
            checkpoint = _checkpoint(connection, settings)
        if checkpoint is None:
            return None
        note = signed_note(checkpoint, keys.receipt_signing_key(settings.keys_folder))
        if checkpoints.last_in(journal) != checkpoint:
            checkpoints.append_checkpoint(journal, folder, note)
        return note


def _checkpoint(connection: Connection, settings: Settings) -> Checkpoint | None:
    size, head = audit.head(connection)
    if not size or not connection.scalar(select(serving.c.identity == text("erasure.identity()"))):
        return None
    try:
        check_audit_agrees(connection, settings)
    except StoreIsOlder:
        return None
    return Checkpoint(_origin(connection, settings), size, head)


def _origin(connection: Connection, settings: Settings) -> str:
    """A chain that went on from a backup is another log than the one that was lost, and is named so."""
    restored = select(func.count()).select_from(audit_entry).where(audit_entry.c.event.has_key(RESTORED_FROM))
    times = connection.scalar(restored)
    return f"{settings.audit_origin}/restored-{times}" if times else settings.audit_origin
