"""The keys of re-identification as the centre knows them. Of the custodian and of the source it has the public halves alone."""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey, Suite

from crossing.key_files import KeyRefused, read_key_file
from key_custody.plain_files import PlainFiles

CUSTODIAN_KEY = "custodian-v1"
CASE_RECIPIENT_KEY = "case-recipient-v1"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_SEED_BYTES, _PUBLIC_BYTES = 64, 1184


def custodian(folder: Path) -> MLKEM768X25519PublicKey:
    """Whom the escrow is sealed to. Raises KeyRefused: without it nothing is loaded, so that nothing is loaded in vain."""
    return _public(folder / f"{CUSTODIAN_KEY}.pub")


def case_recipient(folder: Path) -> MLKEM768X25519PublicKey:
    """Whom case files are sealed to: the source zone. Raises KeyRefused."""
    return _public(folder / f"{CASE_RECIPIENT_KEY}.pub")


def custodian_private(path: Path) -> MLKEM768X25519PrivateKey:
    """The custodian's own key, from the file they bring to a case. Raises KeyRefused."""
    raw = _brought(path, _SEED_BYTES + 32)
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(raw[:_SEED_BYTES]), X25519PrivateKey.from_private_bytes(raw[_SEED_BYTES:])
    )


def approver_private(path: Path) -> Ed25519PrivateKey:
    """An approver's own key. Raises KeyRefused."""
    return Ed25519PrivateKey.from_private_bytes(_brought(path, 32))


def is_signed(public: bytes, signature: bytes, data: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def _brought(path: Path, expected_bytes: int) -> bytes:
    """A person brings a file; it is held to what a zone's own custody holds files to."""
    if path.suffix != ".key":
        raise KeyRefused(f"{path.name} is not named as a key is. Bring the file <name>.key.")
    return PlainFiles(path.parent).secret(path.stem, expected_bytes=expected_bytes)


def _public(path: Path) -> MLKEM768X25519PublicKey:
    raw = read_key_file(path, expected_bytes=_PUBLIC_BYTES + 32, secret=False)
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(raw[:_PUBLIC_BYTES]), X25519PublicKey.from_public_bytes(raw[_PUBLIC_BYTES:])
    )
