"""The source's keys of re-identification: its own, that case files are sealed to, and others' public ones out of its register."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from key_custody.custody import open_custody

CASE_RECIPIENT_KEY = "case-recipient-v1"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SEED_BYTES = 64


def case_recipient(folder: Path) -> MLKEM768X25519PrivateKey:
    """Raises KeyRefused."""
    raw = open_custody(folder).secret(CASE_RECIPIENT_KEY, expected_bytes=_SEED_BYTES + 32)
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(raw[:_SEED_BYTES]), X25519PrivateKey.from_private_bytes(raw[_SEED_BYTES:])
    )


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True
