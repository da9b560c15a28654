"""The source zone's keys: read from files, turned into one sub-key a field, and never shown.

Labels (HKDF-SHA-256 info): `gp-collect|1|<collection>|<field>|v<version>`. Two collections, fields or versions
never share a key, so their tokens cannot be joined.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crossing.key_files import read_key_file

KEY_BYTES = 32
MLKEM_PUBLIC_BYTES = 1184
RECIPIENT_KEY = "recipient-v1"
SIGNING_KEY = "signing-v1"
MEMORY_KEY = "memory-v1"
RECEIPT_SIGNING_KEY = "receipt-signing-v1"  # the centre's: its public half alone is here

LOCAL_ID = "local_id"
NHS_NUMBER = "nhs_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKeys:
    """Everything a run needs, pinned at its start. The repr names the key version only."""

    token_key_name: str
    token_key_version: int
    token_keys: dict[str, bytes] = field(repr=False)  # field -> 32 bytes
    memory_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)
    recipient_key: MLKEM768X25519PublicKey = field(repr=False)


def token_key_name(collection: str, version: int) -> str:
    return f"token-{collection}-v{version}"


def field_key(root: bytes, collection: str, field_name: str, version: int) -> bytes:
    """The sub-key of one field. The label is part of the published format: changing it changes every token."""
    info = f"gp-collect|1|{collection}|{field_name}|v{version}".encode()
    return derive(root, info)


def derive(root: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)


def own_public_key(folder: Path) -> Ed25519PublicKey:
    """What our own signatures are checked with. Raises KeyRefused."""
    private = read_key_file(folder / f"{SIGNING_KEY}.key", expected_bytes=KEY_BYTES)
    return Ed25519PrivateKey.from_private_bytes(private).public_key()


def receipt_public_key(folder: Path) -> Ed25519PublicKey:
    """What the centre's answers are checked with. Raises KeyRefused."""
    return Ed25519PublicKey.from_public_bytes(
        read_key_file(folder / f"{RECEIPT_SIGNING_KEY}.pub", expected_bytes=KEY_BYTES, secret=False)
    )


def memory_key(folder: Path) -> bytes:
    """What the practices' memories are sealed with. Raises KeyRefused."""
    return read_key_file(folder / f"{MEMORY_KEY}.key", expected_bytes=KEY_BYTES)


def load_keys(folder: Path, collection: str, version: int) -> SourceKeys:
    """Raises KeyRefused for a key that is missing, loose, short or all zero."""
    name = token_key_name(collection, version)
    root = read_key_file(folder / f"{name}.key", expected_bytes=KEY_BYTES)
    signing = read_key_file(folder / f"{SIGNING_KEY}.key", expected_bytes=KEY_BYTES)
    recipient = read_key_file(folder / f"{RECIPIENT_KEY}.pub", expected_bytes=MLKEM_PUBLIC_BYTES + 32, secret=False)
    return SourceKeys(
        token_key_name=name,
        token_key_version=version,
        token_keys={each: field_key(root, collection, each, version) for each in (LOCAL_ID, NHS_NUMBER)},
        memory_key=memory_key(folder),
        signing_key=Ed25519PrivateKey.from_private_bytes(signing),
        recipient_key=MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(recipient[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(recipient[MLKEM_PUBLIC_BYTES:]),
        ),
    )
