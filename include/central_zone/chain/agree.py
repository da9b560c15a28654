"""Whether the store has every audit entry that the newest checkpoint speaks of. Who loads, publishes or releases asks first."""

import hashlib
from typing import Any

from sqlalchemy import Connection, func, select

from central_zone import keys
from central_zone.chain import checkpoints
from central_zone.chain.note import Checkpoint
from central_zone.chain.walk import RESTORED_FROM
from central_zone.errors import CheckpointsBroken, StoreIsOlder
from central_zone.settings import Settings
from central_zone.store.tables import audit_entry, checkpoint_given
from crossing.manifest import canonical_json

RUN_RESTORED = "Run: gp-central store restored"


def check_audit_agrees(connection: Connection, settings: Settings) -> None:
    """Raises StoreIsOlder, or CheckpointsBroken. Costs one look at the end of a file, and one at an index."""
    folder = settings.checkpoints_folder
    last = checkpoints.last_checkpoint(folder) if folder else None
    if folder and last is None:
        _check_none_was_given(connection)
    if last is None or _is_in_chain(connection, last) or _is_explained(connection, settings, last):
        return
    size = connection.scalar(select(func.coalesce(func.max(audit_entry.c.seq), 0)))
    if size is not None and size < last.size:
        raise StoreIsOlder(
            f"The audit chain has {size} entries, and a checkpoint was published of {last.size}: the store was restored "
            f"from a backup, or entries were cut off. {RUN_RESTORED}"
        )
    raise StoreIsOlder(
        f"Audit entry {last.size} is not the one of which a checkpoint was published. If the store was restored from a "
        f"backup: {RUN_RESTORED} If not, this is an incident: gp-central audit verify"
    )


def _check_none_was_given(connection: Connection) -> None:
    """Whoever takes the journal away takes the witness away; the store remembers that there was one."""
    if connection.scalar(select(func.count()).select_from(checkpoint_given)):
        raise CheckpointsBroken(
            f"{checkpoints.SETTING} holds no {checkpoints.NAME}, and checkpoints of this store were given. Restore it from its "
            "copy. If every copy is lost: gp-central audit verify, then gp-central audit checkpoint --begin-anew"
        )


def _is_in_chain(connection: Connection, checkpoint: Checkpoint) -> bool:
    if not checkpoint.size:
        return True
    hash_ = connection.scalar(select(audit_entry.c.hash).where(audit_entry.c.seq == checkpoint.size))
    return hash_ == checkpoint.head


def _is_explained(connection: Connection, settings: Settings, checkpoint: Checkpoint) -> bool:
    """A run was killed after a restored store went on, and before it was given a checkpoint of its own."""
    events = connection.scalars(select(audit_entry.c.event).where(audit_entry.c.event.has_key(RESTORED_FROM))).all()
    return bool(events) and checkpoint.head in explained(settings, list(events))


def explained(settings: Settings, restores: list[dict[str, Any]]) -> set[str]:
    """The hashes that restored stores lack and said so: in a statement that we signed, and that an audit entry names."""
    folder = settings.checkpoints_folder
    if folder is None or not restores:
        return set()
    named = {event["statement_sha256"] for event in restores}
    journal = checkpoints.read_journal(folder, keys.receipt_signing_key(settings.keys_folder).public_key())
    believed = [said for said in journal.statements if statement_sha256(said) in named]
    return {lost for said in believed for lost in said["lost"]}


def statement_sha256(said: dict[str, Any]) -> str:
    return hashlib.sha256(canonical_json(said)).hexdigest()
