"""Makes a key set for development: both zones' keys at once, which in life two organisations make apart."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossing.key_files import KeyRefused, write_key_file
from crossing.key_register import EVERYBODY, PARCELS, RECEIPTS, REGISTER_NAME, Entry, RegisteredKey, entry_in_toml
from key_custody.plain_files import PlainFiles
from source_zone.keys import (
    KEY_BYTES,
    MEMORY_KEY,
    RECEIPT_SIGNING_KEY,
    RECIPIENT_KEY,
    SECOND_SIGNING_KEY,
    SIGNING_KEY,
    token_key_name,
)
from source_zone.reidentification.make_case_keys import make_case_keys

_IN_FORCE = timedelta(days=3652)
_MADE_EARLIER = timedelta(days=1)  # the clocks of two zones differ


def make_development_keys(folder: Path, collections: list[str]) -> list[str]:
    """Writes `folder/source` and `folder/central`, every file 0400, and beside them what is neither zone's.

    Raises KeyRefused if any is there already.
    """
    source, central = folder / "source", folder / "central"
    if source.exists() or central.exists():
        raise KeyRefused(
            f"{folder} already holds keys. They are never replaced: name another folder, or remove it yourself."
        )
    central.mkdir(parents=True, mode=0o700)
    source.mkdir(parents=True, mode=0o700)
    for collection in collections:
        PlainFiles(source).write(token_key_name(collection, 1), os.urandom(KEY_BYTES))
    PlainFiles(source).write(MEMORY_KEY, os.urandom(KEY_BYTES))
    PlainFiles(central).write("store-v1", os.urandom(KEY_BYTES))
    second = MLDSA65PrivateKey.generate()
    PlainFiles(source).write(SECOND_SIGNING_KEY, second.private_bytes_raw())
    _make_signer(SIGNING_KEY, PARCELS, source, central, ml_dsa_65=second.public_key().public_bytes_raw())
    _make_signer(RECEIPT_SIGNING_KEY, RECEIPTS, central, source)
    _make_recipient(source, central)
    make_case_keys(folder)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def _make_signer(name: str, purpose: str, signs: Path, checks: Path, ml_dsa_65: bytes | None = None) -> None:
    """The private key where it signs; a register with the public one where it is checked."""
    signer = Ed25519PrivateKey.generate()
    PlainFiles(signs).write(name, signer.private_bytes_raw())
    key = RegisteredKey(
        name=name,
        purpose=purpose,
        owner="Development keys",
        ed25519=signer.public_key().public_bytes_raw(),
        ml_dsa_65=ml_dsa_65,
        speaks_for=(EVERYBODY,),
    )
    made = datetime.now(UTC).replace(microsecond=0)
    entry = Entry(key=key, valid_from=made - _MADE_EARLIER, valid_until=made + _IN_FORCE)
    write_key_file(checks / REGISTER_NAME, entry_in_toml(entry).encode())


def _make_recipient(source: Path, central: Path) -> None:
    seed = os.urandom(64)
    classical = X25519PrivateKey.generate()
    post_quantum = MLKEM768PrivateKey.from_seed_bytes(seed)
    PlainFiles(central).write(RECIPIENT_KEY, seed + classical.private_bytes_raw())
    public = post_quantum.public_key().public_bytes_raw() + classical.public_key().public_bytes_raw()
    write_key_file(source / f"{RECIPIENT_KEY}.pub", public)
