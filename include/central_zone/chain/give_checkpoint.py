"""Give a checkpoint: once something was committed, what the chain is now is signed and written down outside the store."""

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.dialects.postgresql import insert

from central_zone import audit, keys
from central_zone.chain import checkpoints
from central_zone.chain.agree import check_audit_agrees
from central_zone.chain.note import Checkpoint, signed_note
from central_zone.chain.walk import RESTORED_FROM
from central_zone.errors import CheckpointsBroken, StoreIsOlder
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.erasure_tables import serving
from central_zone.store.tables import audit_entry, checkpoint_given


def give_checkpoint(settings: Settings, store: Engine, *, begin_anew: bool = False) -> str | None:
    """The signed note of today's chain; None where nothing is kept, or nothing may be signed for.

    A store that was restored and not confirmed signs for nothing: two checkpoints of ours would contradict each other.
    `begin_anew` is for who has verified the chain, and has lost the journal for good.
    Raises FolderUnusable, CheckpointsBroken or KeyRefused.
    """
    folder = settings.checkpoints_folder
    if folder is None:
        return None
    with checkpoints.only_writer(folder) as journal:
        with transaction(store, "give a checkpoint") as connection:
            checkpoint = _checkpoint(connection, settings, begin_anew=begin_anew)
        if checkpoint is None:
            return None
        note = signed_note(checkpoint, keys.receipt_signing_key(settings.keys_folder))
        if checkpoints.last_in(journal) != checkpoint:
            checkpoints.append_checkpoint(journal, folder, note)
        with transaction(store, "note that a checkpoint was given") as connection:  # never before there is one
            if connection.scalar(text("SHOW transaction_read_only")) == "off":  # the auditor only looks
                connection.execute(insert(checkpoint_given).on_conflict_do_nothing())
        return note


def _checkpoint(connection: Connection, settings: Settings, *, begin_anew: bool) -> Checkpoint | None:
    size, head = audit.head(connection)
    if not size or not connection.scalar(select(serving.c.identity == text("erasure.identity()"))):
        return None
    try:
        check_audit_agrees(connection, settings)
    except StoreIsOlder:
        return None
    except CheckpointsBroken:
        if not begin_anew:
            raise
    return Checkpoint(_origin(connection, settings), size, head)


def _origin(connection: Connection, settings: Settings) -> str:
    """A chain that went on from a backup is another log than the one that was lost, and is named so."""
    restored = select(func.count()).select_from(audit_entry).where(audit_entry.c.event.has_key(RESTORED_FROM))
    times = connection.scalar(restored)
    return f"{settings.audit_origin}/restored-{times}" if times else settings.audit_origin
