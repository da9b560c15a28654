"""The register of others' public keys: that it can be read, that each key is one, and who may sign today."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey

from crossing.errors import GPCollectError
from crossing.key_register import Entry, read_key_register
from key_custody.whereabouts.verdict import Verdict, ok, take_care, wrong

PLACE = "register of keys"
_SOON = timedelta(days=30)


def look_at_register(folder: Path, purpose: str, now: datetime) -> list[Verdict]:
    """`purpose` is what this zone must be able to check: without a key for it in force nothing is believed."""
    try:
        entries = read_key_register(folder).entries
    except GPCollectError as error:
        return [wrong(PLACE, str(error))]
    said = [verdict for entry in entries.values() for verdict in _of_entry(entry, now)]
    in_force = [name for name, entry in entries.items() if entry.key.purpose == purpose and _is_in_force(entry, now)]
    if not in_force:
        said.append(wrong(PLACE, f"no key for {purpose} is in force. Enter the present one of the other zone."))
    return said or [ok(PLACE, f"{len(entries)} keys, all in force; {len(in_force)} for {purpose}")]


def _of_entry(entry: Entry, now: datetime) -> Iterator[Verdict]:
    name = entry.key.name
    try:
        Ed25519PublicKey.from_public_bytes(entry.key.ed25519)
        if entry.key.ml_dsa_65 is not None:
            MLDSA65PublicKey.from_public_bytes(entry.key.ml_dsa_65)
    except ValueError:
        yield wrong(PLACE, f"{name} is no public key. Ask its owner for it again.")
    if entry.revoked_at is not None and entry.revoked_at <= now:
        yield take_care(PLACE, f"{name} is revoked. What it signed is refused.")
    elif not _is_in_force(entry, now):
        yield take_care(PLACE, f"{name} is not in force today. What it signed then is still believed.")
    elif entry.valid_until - now < _SOON:
        yield take_care(PLACE, f"{name} ends on {entry.valid_until:%d %B %Y}. Ask its owner for the next one.")


def _is_in_force(entry: Entry, now: datetime) -> bool:
    return entry.valid_from <= now < entry.valid_until and (entry.revoked_at is None or entry.revoked_at > now)
