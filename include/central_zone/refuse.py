"""Refuse a parcel: the reason is written down, and whoever signed it gets it in a signed receipt.

Only what a known signer signed for changes what the ledger says, or is answered at all: else a stranger could refuse a
practice's parcels for it, or read our reasons. A parcel that is loaded keeps the receipt that says so.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from central_zone import audit, ledger, receipts
from central_zone.folders import usable
from central_zone.inbox import fingerprint, is_parcel_id
from central_zone.ledger import Entry
from central_zone.settle import settle
from central_zone.store.connection import transaction
from central_zone.who_signed import Signed
from central_zone.zone import Zone
from crossing.errors import PersonMustAct
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest
from crossing.manifest_fields import FIELDS


def refuse(
    zone: Zone, parcel_id: str, error: PersonMustAct, *, signed: Signed | None = None, manifest: Manifest | None = None
) -> None:
    """`signed` where a known signer signed it, `manifest` where it could also be read."""
    ours = manifest if manifest and not manifest.is_notice else None
    refused = None
    with transaction(zone.store, "refuse") as connection:
        if ours:
            ledger.lock_practice(connection, ours.collection, ours.practice_code)
        head = _write_down(zone, connection, parcel_id, error)
        faultpoint("refuse.written")
        known = ledger.find(connection, parcel_id) if is_parcel_id(parcel_id) else None
        if ours and _may_be_refused(ledger.find(connection, ours.parcel_id)):
            ledger.enter(connection, ours, state=ledger.REFUSED, reason=str(error))
            ledger.mark(connection, ours.parcel_id, audit_hash=head)
            refused = ledger.entry(connection, ours.parcel_id)
    faultpoint("refuse.committed")
    if refused:
        settle(zone, refused)
    elif signed and manifest is None and known is None and _is_their_own(parcel_id, signed):
        answer_refused(zone, parcel_id, hashlib.sha256(signed.data).hexdigest(), error, head)


def refuse_notice(zone: Zone, parcel_id: str, error: PersonMustAct, *, manifest: Manifest | None = None) -> None:
    """Once, however often it is tried."""
    with transaction(zone.store, "refuse a notice") as connection:
        name = _name(parcel_id)
        if (name, fingerprint(zone.folder(parcel_id))) in ledger.refused_fingerprints(connection, [name]):
            if _receipt(zone, parcel_id).exists():
                return
            _, head = audit.head(connection)  # a run was killed before it answered
        else:
            head = _write_down(zone, connection, parcel_id, error)
    if manifest and manifest.is_notice:
        answer_refused(zone, parcel_id, manifest.sha256(), error, head)


def answer_refused(zone: Zone, parcel_id: str, manifest_sha256: str, error: PersonMustAct, head: str) -> None:
    """The receipt of what has no place in the ledger: a notice, or a parcel whose manifest cannot be read."""
    said: dict[str, Any] = {
        "parcel_id": parcel_id,
        "manifest_sha256": manifest_sha256,
        "outcome": ledger.REFUSED,
        "reason": str(error),
        "rows_loaded": {},
        "rows_quarantined": {},
        "audit_head": head,
        "at": zone.now().isoformat(),
    }
    with usable("GP_RECEIPTS_DIR"):
        receipts.write_receipt(_receipt(zone, parcel_id), said, zone.settings.keys_folder)


def withdraw_refusal(zone: Zone, parcel_id: str) -> None:
    """A notice that was refused before and is taken now: the refusal is no longer the answer."""
    with usable("GP_RECEIPTS_DIR"):
        _receipt(zone, parcel_id).unlink(missing_ok=True)


def _receipt(zone: Zone, parcel_id: str) -> Path:
    return receipts.receipt_path(zone.settings.receipts_folder, parcel_id)


def _write_down(zone: Zone, connection: Any, parcel_id: str, error: PersonMustAct) -> str:
    name = _name(parcel_id)
    content = fingerprint(zone.folder(parcel_id))
    ledger.note_refusal(connection, folder_name=name, fingerprint=content, error=error)
    return audit.append(connection, actor=audit.LOADER, event={"refused": name, "error": type(error).__name__})


def _name(parcel_id: str) -> str:
    return parcel_id if is_parcel_id(parcel_id) else "not a parcel id"


def _is_their_own(parcel_id: str, signed: Signed) -> bool:
    """What they signed names this parcel, and a practice they may speak for; the rest of it may be as it likes."""
    content = json.loads(signed.data)
    named = {name: content.get(name) for name in ("parcel_id", "practice_code", "supplier_format")}
    return (
        all(FIELDS[name](value) for name, value in named.items())
        and named["parcel_id"] == parcel_id
        and signed.signer.may_speak_for(named["practice_code"], named["supplier_format"])
    )


def _may_be_refused(entry: Entry | None) -> bool:
    return entry is None or not (entry.state in ledger.TAKEN_IN or entry.decided_by)
