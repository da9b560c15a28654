"""Builds the public register from the ledger and the policy: what ran, and what was agreed."""

from pathlib import Path
from typing import Any

from central_zone.chain.anchors import CHECKPOINT_FILE
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.erasures.agree import check_erasures_agree
from central_zone.expectations.rules import read_rule_book
from central_zone.register.contents import contents
from central_zone.register.pages import render, write
from central_zone.register.read_data_uses import read_data_uses
from central_zone.register.read_ledger import Ledger, read_ledger
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import PUBLISHER
from crossing.case_rules import read_case_rules
from crossing.policy import Policy


def build(out: Path, settings: Settings) -> dict[str, Any]:
    """Writes index.html, register.json, register.csv, feed.atom and a signed audit-checkpoint.txt into `out`; safe to repeat.

    Returns {"state": "published" | "already", ...counts and the audit head}. Raises StoreDown (try again),
    StoreRefused, PolicyRefused, or an error about erasures that the store lacks; the register that was there stays there.
    """
    with store_of(settings.store_url_of(PUBLISHER)) as store:
        with transaction(store, "look at the erasure journal") as connection:
            check_erasures_agree(connection, settings)
        checkpoint = give_checkpoint(settings, store)
        ledger = read_ledger(store)
    return publish(out, ledger, Policy(), checkpoint=checkpoint)


def publish(out: Path, ledger: Ledger, policy: Policy, *, checkpoint: str | None = None) -> dict[str, Any]:
    """The same from a ledger that has been read. `checkpoint` is the signed note of the audit chain."""
    collections = [policy.collection(name) for name in policy.collections()]
    uses = read_data_uses(policy)
    purposes = read_case_rules(policy).purposes
    said = contents(ledger, collections=collections, uses=uses, book=read_rule_book(policy), purposes=purposes)
    notes = {CHECKPOINT_FILE: checkpoint.encode()} if checkpoint else {}
    changed = write(out, {**render({**said, "checkpoint": next(iter(notes), None)}), **notes})
    return {
        "state": "published" if changed else "already",
        "parcels": len(ledger.parcels),
        "data_uses": len(uses),
        "audit_head": ledger.audit_head.hash if ledger.audit_head else None,
        "updated": said["updated"],
    }
