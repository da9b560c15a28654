"""The central zone's keys: to open parcels, know their signers, make T2 tokens and sign receipts. None of the source's."""

from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crossing.key_register import PARCELS, RegisteredKey, read_key_register
from key_custody.custody import open_custody

RECIPIENT_KEY = "recipient-v1"
RECEIPT_SIGNING_KEY = "receipt-signing-v1"
STORE_KEY = "store-v1"
STORE_PURPOSE = b"gp-collect|store|v1"
ERASURE_PURPOSE = b"gp-collect|erasure|v1"
_MLKEM_SEED_BYTES = 64


def recipient_key(folder: Path) -> MLKEM768X25519PrivateKey:
    """The key that parcels are sealed to: a 64-byte ML-KEM-768 seed, then a 32-byte X25519 key. Raises KeyRefused."""
    raw = open_custody(folder).secret(RECIPIENT_KEY, expected_bytes=_MLKEM_SEED_BYTES + 32)
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(raw[:_MLKEM_SEED_BYTES]),
        X25519PrivateKey.from_private_bytes(raw[_MLKEM_SEED_BYTES:]),
    )


def signer(folder: Path, name: str, *, at: datetime, now: datetime) -> RegisteredKey:
    """A known signer's public keys, for a parcel made `at`. Raises KeyNotValid, or RegisterRefused."""
    return read_key_register(folder).key(name, PARCELS, at=at, now=now)


def receipt_signing_key(folder: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(open_custody(folder).secret(RECEIPT_SIGNING_KEY, expected_bytes=32))


def store_subkey(folder: Path) -> bytes:
    """The key that turns a source's token into the store's own. Raises KeyRefused."""
    return _from_the_store_key(folder, STORE_PURPOSE)


def erasure_subkey(folder: Path) -> bytes:
    """The key that turns a token of the store into the mark of somebody who was erased. Raises KeyRefused."""
    return _from_the_store_key(folder, ERASURE_PURPOSE)


def project_subkey(folder: Path, label: str) -> bytes:
    """The key that turns a stored token into one of a single project; `label` is project_label's. Raises KeyRefused."""
    return _from_the_store_key(folder, label.encode())


def project_label(use_id: str, version: int) -> str:
    """Published, so that anybody can check how project tokens are made; only the store's key is secret."""
    return f"gp-collect|project|{use_id}|v{version}"


def sub_key(store_key: bytes, purpose: bytes) -> bytes:
    """One key for each purpose, none of which tells another (HKDF-SHA-256, no salt)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(store_key)


def _from_the_store_key(folder: Path, purpose: bytes) -> bytes:
    return sub_key(open_custody(folder).secret(STORE_KEY, expected_bytes=32), purpose)
