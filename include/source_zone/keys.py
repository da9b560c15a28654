"""The source zone's keys: from their custody, turned into one sub-key a field, and never shown.

Labels (HKDF-SHA-256 info): `gp-collect|1|<collection>|<field>|v<version>`. Two collections, fields or versions
never share a key, so their tokens cannot be joined.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crossing.key_files import KeyRefused, read_key_file
from crossing.key_register import PARCELS, read_key_register
from key_custody.custody import KeyCustody, open_custody

KEY_BYTES = 32
MLKEM_PUBLIC_BYTES = 1184
RECIPIENT_KEY = "recipient-v1"
SIGNING_KEY = "signing-v1"  # the first; whatever is newest of these signs
SECOND_SIGNING_KEY = "signing-mldsa65-v1"  # beside it, where it is there: what a quantum computer cannot forge
_SIGNING_KEYS = re.compile(r"signing-v([1-9][0-9]{0,3})")
MEMORY_KEY = "memory-v1"
RECEIPT_SIGNING_KEY = "receipt-signing-v1"  # the centre's: its public half alone is here, in the register

LOCAL_ID = "local_id"
NHS_NUMBER = "nhs_number"
# All that is ever made a token of. A date or a postcode is not among them: there are so few that anybody who may ask for
# tokens could list them all, and the same day or place would link people who have nothing else in common.
TOKEN_FIELDS = (LOCAL_ID, NHS_NUMBER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKeys:
    """Everything a run needs, pinned at its start. The repr names the key version only."""

    token_key_name: str
    token_key_version: int
    token_keys: dict[str, bytes] = field(repr=False)  # field -> 32 bytes
    memory_key: bytes = field(repr=False)
    signing_key_name: str = SIGNING_KEY
    signing_key: Ed25519PrivateKey = field(repr=False)
    second_signing_key: MLDSA65PrivateKey | None = field(repr=False, default=None)
    recipient_key: MLKEM768X25519PublicKey = field(repr=False)


def token_key_name(collection: str, version: int) -> str:
    return f"token-{collection}-v{version}"


def field_key(root: bytes, collection: str, field_name: str, version: int) -> bytes:
    """The sub-key of one field. The label is part of the published format: changing it changes every token.

    Raises KeyRefused for anything that is not one of TOKEN_FIELDS.
    """
    if field_name not in TOKEN_FIELDS:
        raise KeyRefused(
            f"No token is made of this field, only of {' and '.join(TOKEN_FIELDS)}. Generalise it, or leave it."
        )
    info = f"gp-collect|1|{collection}|{field_name}|v{version}".encode()
    return derive(root, info)


def derive(root: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(root)


def own_public_keys(folder: Path) -> dict[str, Ed25519PublicKey]:
    """What our own signatures are checked with, by name: keys in custody, and older ones whose public half is in our register.

    Raises KeyRefused, RegisterRefused.
    """
    custody, register = open_custody(folder), read_key_register(folder)
    older = {name: register.entries[name].key.ed25519 for name in register.names(PARCELS)}
    ours = {name: _signing_key(custody, name).public_key() for name in _signing_keys(custody)}
    return {name: Ed25519PublicKey.from_public_bytes(key) for name, key in older.items()} | ours


def _signing_keys(custody: KeyCustody) -> list[str]:
    """Oldest first. The centre knows them by their names: a new key is a new version, entered there before it signs here."""
    found = [each for each in map(_SIGNING_KEYS.fullmatch, custody.names()) if each]
    return [each[0] for each in sorted(found, key=lambda each: int(each[1]))]


def _signing_key(custody: KeyCustody, name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(custody.secret(name, expected_bytes=KEY_BYTES))


def _second_signing_key(custody: KeyCustody, first: str) -> MLDSA65PrivateKey | None:
    """Whether a signer has one is entered at the centre too: without the key there, or here, its parcels are refused."""
    name = first.replace("signing-", "signing-mldsa65-")
    if name not in custody.names():
        return None
    return MLDSA65PrivateKey.from_seed_bytes(custody.secret(name, expected_bytes=KEY_BYTES))


def memory_key(folder: Path) -> bytes:
    """What the practices' memories are sealed with. Raises KeyRefused."""
    return open_custody(folder).secret(MEMORY_KEY, expected_bytes=KEY_BYTES)


def load_keys(folder: Path, collection: str, version: int) -> SourceKeys:
    """Raises KeyRefused for a key that custody refuses, CustodyRefused, CustodyAway (TryAgain)."""
    name, custody = token_key_name(collection, version), open_custody(folder)
    root = custody.secret(name, expected_bytes=KEY_BYTES)
    signer = next(reversed(_signing_keys(custody)), SIGNING_KEY)
    recipient = read_key_file(folder / f"{RECIPIENT_KEY}.pub", expected_bytes=MLKEM_PUBLIC_BYTES + 32, secret=False)
    return SourceKeys(
        token_key_name=name,
        token_key_version=version,
        token_keys={each: field_key(root, collection, each, version) for each in TOKEN_FIELDS},
        memory_key=custody.secret(MEMORY_KEY, expected_bytes=KEY_BYTES),
        signing_key_name=signer,
        signing_key=_signing_key(custody, signer),
        second_signing_key=_second_signing_key(custody, signer),
        recipient_key=MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(recipient[:MLKEM_PUBLIC_BYTES]),
            X25519PublicKey.from_public_bytes(recipient[MLKEM_PUBLIC_BYTES:]),
        ),
    )
