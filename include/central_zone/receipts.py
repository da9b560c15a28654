"""Receipts: what became of a parcel, signed, for the practice. Made again, the same receipt has the same bytes."""

import os
import tempfile
from pathlib import Path
from typing import Any

from central_zone import keys
from central_zone.ledger import Entry
from crossing import answers
from crossing.faultpoint import faultpoint
from crossing.manifest import canonical_json
from crossing.parcel import sync_folder

PAYLOAD_TYPE = answers.PAYLOAD_TYPES[answers.RECEIPT]


def receipt_of(entry: Entry) -> dict[str, Any]:
    """What the receipt of a loaded or refused parcel says: ids, hashes and counts."""
    return {
        "parcel_id": entry.parcel_id,
        "manifest_sha256": entry.manifest_sha256,
        "outcome": entry.state,
        "reason": entry.state_reason,
        "rows_loaded": entry.rows_loaded,
        "rows_quarantined": entry.rows_quarantined,
        "audit_head": entry.audit_hash,
        "at": entry.settled_at,
    }


def bytes_to_sign(receipt: dict[str, Any]) -> bytes:
    """What the signature of a receipt covers."""
    return answers.bytes_to_sign(receipt, PAYLOAD_TYPE)


def receipt_path(folder: Path, parcel_id: str) -> Path:
    return folder / f"{parcel_id}.receipt.json"


def give_receipt(folder: Path, entry: Entry, keys_folder: Path) -> Path:
    """Writes `<parcel_id>.receipt.json`: the receipt, the key's name and an Ed25519 signature in hexadecimal."""
    path = receipt_path(folder, entry.parcel_id)
    write_receipt(path, receipt_of(entry), keys_folder)
    return path


def write_receipt(path: Path, receipt: dict[str, Any], keys_folder: Path) -> None:
    """Signs a receipt and puts it in place, durably."""
    signature = keys.receipt_signing_key(keys_folder).sign(bytes_to_sign(receipt)).hex()
    signed = {"receipt": receipt, "signing_key": keys.RECEIPT_SIGNING_KEY, "signature": signature}
    path.parent.mkdir(parents=True, exist_ok=True)
    give_durably(path, canonical_json(signed))


def give_durably(path: Path, answer: bytes) -> None:
    """An answer that is the same whenever it is given, and takes away what killed runs left of it."""
    try:
        replace_durably(path, answer)
    except FileNotFoundError:  # another run gave it just now, and took our draft for such
        if not path.exists():
            raise
    for draft in path.parent.glob(f".{path.name}.*"):
        draft.unlink(missing_ok=True)


def replace_durably(path: Path, data: bytes) -> None:
    """The whole new file or the old one, whenever the machine stops."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    faultpoint("receipt.drafted")
    Path(draft).chmod(0o644)
    Path(draft).replace(path)
    sync_folder(path.parent)
