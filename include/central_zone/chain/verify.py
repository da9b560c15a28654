"""Verify: the whole audit chain, against everything outside the store that bears witness to it, and against the ledger."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select

from central_zone.chain import checkpoints
from central_zone.chain.agree import explained
from central_zone.chain.anchors import Anchor, anchors
from central_zone.chain.compare import check_nothing_lost, lost
from central_zone.chain.cross_check import check_ledger
from central_zone.chain.entry import START, Position
from central_zone.chain.walk import RESTORED_FROM, Walked, walk
from central_zone.errors import StoreIsOlder
from central_zone.restored.missing import parcels_missing
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import AUDITOR
from central_zone.store.tables import audit_entry

ALONE = "holds in itself; nothing outside the store bears witness, so whoever administers it may have written it anew"


def verify(
    settings: Settings,
    *,
    published_head: str | None = None,
    also: Iterable[Path] = (),
    only_new: bool = False,
) -> dict[str, Any]:
    """Answers the chain's length and head, and how many witnesses confirm it, by kind.

    `published_head` and the files `also` are witnesses kept elsewhere. `only_new` begins at the newest checkpoint.
    Raises AuditBroken, StoreIsOlder or CheckpointsBroken, which name the entry or the file and what to do.
    """
    witnesses = [*anchors(settings, also), *_by_hand(published_head)]  # before the chain: each was committed by then
    with (
        store_of(settings.store_url_of(AUDITOR)) as store,
        transaction(_one_snapshot(store), "verify the audit chain") as connection,
    ):
        walked = walked_chain(connection, settings, witnesses, only_new=only_new)
        known = explained(settings, walked.restores)
        check_nothing_lost(walked, lost(walked, witnesses, known))
        check_ledger(connection)
        missing = parcels_missing(connection, witnesses)
    if missing:
        raise StoreIsOlder(
            f"{len(missing)} parcels are not in the store, and practices hold our receipts of them, {missing[0]} for one. "
            "How each comes back: gp-central store restored"
        )
    return {
        "audit": "holds" if witnesses or not walked.size else ALONE,
        "entries": walked.size,
        "head": walked.head,
        "witnesses": dict(Counter(each.kind for each in witnesses)),
        "explained": sum(each.head in known and each.head not in walked.found for each in witnesses),
        "restores": len(walked.restores),
    }


def walked_chain(
    connection: Connection, settings: Settings, witnesses: Iterable[Anchor], *, only_new: bool = False
) -> Walked:
    """The chain that holds in itself, and which of the witnesses' entries are in it. Raises AuditBroken."""
    heads = {each.head for each in witnesses}
    start = _newest_checkpoint(connection, settings) if only_new else START
    walked = walk(connection, heads, after=start)
    if start != START:
        earlier = audit_entry.c.seq <= start[0]
        rows = connection.execute(
            select(audit_entry.c.hash, audit_entry.c.seq).where(earlier, audit_entry.c.hash.in_(heads))
        )
        walked.found.update((row.hash, row.seq) for row in rows)
        restored = select(audit_entry.c.event).where(earlier, audit_entry.c.event.has_key(RESTORED_FROM))
        walked.restores[:0] = connection.scalars(restored)
    return walked


def _newest_checkpoint(connection: Connection, settings: Settings) -> Position:
    """Its signature is looked at with all the others'. One that is not in the chain is no start."""
    folder = settings.checkpoints_folder
    last = checkpoints.last_checkpoint(folder) if folder else None
    if last is None:
        return START
    hash_ = connection.scalar(select(audit_entry.c.hash).where(audit_entry.c.seq == last.size))
    return (last.size, last.head) if hash_ == last.head else START


def _one_snapshot(store: Engine) -> Engine:
    return store.execution_options(isolation_level="REPEATABLE READ")


def _by_hand(published_head: str | None) -> list[Anchor]:
    return [Anchor(head=published_head, size=None, kind="by hand", where="--published-head")] if published_head else []
