"""The source zone's keys: from their custody, turned into one sub-key a field, and never shown.

Labels (HKDF-SHA-256 info): `gp-collect|1|<collection>|<field>|v<version>`. Two collections, fields or versions
never share a key, so their tokens cannot be joined.
"""

from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crossing.key_files import read_key_file
from key_custody.custody import KeyCustody, open_custody

KEY_BYTES = 32
MLKEM_PUBLIC_BYTES = 1184
RECIPIENT_KEY = "recipient-v1"
SIGNING_KEY = "signing-v1"
SECOND_SIGNING_KEY = "signing-mldsa65-v1"  # beside the first, where it is there: what a quantum computer cannot forge
MEMORY_KEY = "memory-v1"
RECEIPT_SIGNING_KEY = "receipt-signing-v1"  # the centre's: its public half alone is here, in the register

LOCAL_ID = "local_id"
NHS_NUMBER = "nhs_number"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKeys:
    """Everything a run needs, pinned at its start. The repr names the key version only."""

    token_key_name: str
    token_keys: dict[str, bytes] = field(repr=False)  # field -> 32 bytes
    memory_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey = field(repr=False)
    second_signing_key: MLDSA65PrivateKey | None = field(repr=False, default=None)
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
    private = open_custody(folder).secret(SIGNING_KEY, expected_bytes=KEY_BYTES)
    return Ed25519PrivateKey.from_private_bytes(private).public_key()


def _second_signing_key(custody: KeyCustody) -> MLDSA65PrivateKey | None:
    """Whether a signer has one is entered at the centre too: without the key there, or here, its parcels are refused."""
    if SECOND_SIGNING_KEY not in custody.names():
        return None
    return MLDSA65PrivateKey.from_seed_bytes(custody.secret(SECOND_SIGNING_KEY, expected_bytes=KEY_BYTES))


def load_keys(folder: Path, collection: str, version: int) -> SourceKeys:
    """Raises KeyRefused for a key that custody refuses, CustodyRefused, CustodyAway (TryAgain)."""
    name, custody = token_key_name(collection, version), open_custody(folder)
    root = custody.secret(name, expected_bytes=KEY_BYTES)
    signing = custody.secret(SIGNING_KEY, expected_bytes=KEY_BYTES)
    recipient = read_key_file(folder / f"{RECIPIENT_KEY}.pub", expected_bytes=MLKEM_PUBLIC_BYTES + 32, secret=False)
    return SourceKeys(
        token_key_name=name,
        token_keys={each: field_key(root, collection, each, version) for each in (LOCAL_ID, NHS_NUMBER)},
        memory_key=custody.secret(MEMORY_KEY, expected_bytes=KEY_BYTES),
        signing_key=Ed25519PrivateKey.from_private_bytes(signing),
        second_signing_key=_second_signing_key(custody),
        recipient_key=MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(recipient[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(recipient[MLKEM_PUBLIC_BYTES:]),
        ),
    )
