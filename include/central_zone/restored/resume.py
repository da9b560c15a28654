"""Resume: a store that was restored from a backup goes on, once ledger, audit anchors and erasures agree.

What it lacks is found from what lies outside it, who was erased is erased again, and a statement that we sign, an entry
of the audit chain and the register say what the chain lost. Parcels come back by the next load. Safe to repeat.
"""

from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select, text, update

from central_zone import audit, inbox, keys
from central_zone.chain import checkpoints
from central_zone.chain.agree import explained, statement_sha256
from central_zone.chain.anchors import Anchor, anchors
from central_zone.chain.compare import Lost, is_as_after_a_restore, lost
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.chain.verify import walked_chain
from central_zone.chain.walk import RESTORED_FROM, Walked
from central_zone.decide import check_words
from central_zone.erasures import agree
from central_zone.erasures.reapply import make_agree
from central_zone.errors import NotARestore, SettingMissing
from central_zone.national_allow_list import end_lists
from central_zone.restored.missing import Missing, lists_missing, missing
from central_zone.restored.retired_keys import forgotten, retire_again
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.erasure_tables import serving
from central_zone.store.role_names import ERASER, RELEASER
from central_zone.withdraw import withdraw_older
from central_zone.zone import Zone, opened


def resume(settings: Settings, *, by: str, reason: str) -> dict[str, Any]:
    """Answers what the store lacks and how each comes back. `by` and `reason` are published.

    Raises NotARestore where more is missing than a backup lacks; AuditBroken, JournalMissing, JournalBroken or
    DecisionRefused. Whatever was done before is then not done again.
    """
    check_words(by, reason)
    _check_anybody_can_say_what_it_lacks(settings)
    witnesses = list(anchors(settings))
    with opened(settings, role=ERASER) as zone:
        with transaction(zone.store, "look at the restored store") as connection:
            walked = walked_chain(connection, settings, witnesses)
            found = lost(walked, witnesses, explained(settings, walked.restores))
            _check_it_was_restored(walked, found)
            lacks = missing(zone, connection, witnesses, lost={each.head for each in found.anchors})
        applied, notices = make_agree(zone)
        with zone.under(RELEASER) as of_releaser:  # before the store serves anybody
            withdraw_older(of_releaser, {each["use"] for each in lacks.releases})
        said = {"by": by, "reason": reason, "at": zone.now().isoformat(timespec="seconds")}
        with transaction(zone.store, "go on with the restored store") as connection:
            agree.lock_alone(connection)
            agree.check_position(connection, settings)
            goes_on = bool(found.anchors) or not _serves(connection)
            if goes_on:
                _go_on(zone, connection, found, lacks, said)
            to_retire = forgotten(connection, settings)
        retired = retire_again(settings, to_retire)
        # The whole chain was read, and held against all witnesses.
        give_checkpoint(settings, zone.store, begin_anew=True)
    return {
        "store": "goes on" if goes_on else "already",
        "entries": walked.size,
        "witnesses_to_what_was_lost": len(found.anchors),
        "batches_reapplied": applied,
        "notices_restored": notices,
        "keys_to_retire": retired,
        **asdict(lacks),
    }


def _check_anybody_can_say_what_it_lacks(settings: Settings) -> None:
    if settings.checkpoints_folder is None:
        raise SettingMissing(
            "GP_RECEIPTS_DIR is not set: nobody can say what the store lacks. Set it as the loader has it."
        )


def _check_it_was_restored(walked: Walked, found: Lost) -> None:
    if not is_as_after_a_restore(walked, found):
        raise NotARestore(
            f"Entry {found.sizes[0]} of the audit chain is not the one that was published, and later ones are: no backup is like "
            "that. Another copy of the store went on in its place, or the chain was forged. Nothing was changed. Use the copy "
            "that went on: docs/runbook.md, The store was lost."
        )


def _serves(connection: Connection) -> bool:
    return bool(connection.scalar(select(serving.c.identity == text("erasure.identity()"))))


def _go_on(zone: Zone, connection: Connection, found: Lost, lacks: Missing, said: dict[str, str]) -> None:
    """The statement is on disk before the store commits to it; without the entry that names it, it explains nothing."""
    size, head = audit.head(connection)
    statement = {**said, RESTORED_FROM: size, "head": head, "lost": sorted({each.head for each in found.anchors})}
    folder = zone.settings.checkpoints_folder
    if folder is not None:
        key = keys.receipt_signing_key(zone.settings.keys_folder)
        with checkpoints.only_writer(folder) as journal:
            checkpoints.append_statement(journal, folder, statement, key)
    end_lists(connection, lists_missing(connection, inbox.parcel_folders(zone.inbox)), zone.now())
    connection.execute(update(serving).values(identity=text("erasure.identity()")))
    audit.append_word(connection, by=said["by"], event=_event(statement, found.anchors, lacks))


def _event(statement: dict[str, Any], witnesses: list[Anchor], lacks: Missing) -> dict[str, Any]:
    return {
        RESTORED_FROM: statement[RESTORED_FROM],
        "reason": statement["reason"],
        "statement_sha256": statement_sha256(statement),
        "witnesses_lost": len(witnesses),
        "parcels_lost": len(lacks.to_load) + len(lacks.to_ask_for),
        "releases_lost": lacks.releases,
    }
