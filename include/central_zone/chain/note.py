"""A checkpoint of the audit chain, signed: origin, number of entries, hash of the last, as C2SP's tlog-checkpoint has it.

The third line is the head of our chain and not the root of a Merkle tree: whoever holds the entries can check it, and
nobody can prove one entry alone. The signature is a signed note's (c2sp.org/signed-note), Ed25519, by the key of receipts.
A note begins with its origin and a receipt's signed bytes with DSSE's own word, so neither can stand for the other.
"""

import hashlib
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central_zone.errors import CheckpointsBroken

_ED25519 = b"\x01"  # the type of signature, in the key's id
_KEY_ID_BYTES = 4
_LARGEST_BYTES = 4_096
_DASH = "—"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How long the chain was, and the hash of its last entry then."""

    origin: str
    size: int
    head: str

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(bytes.fromhex(self.head)).decode()}\n"


def signed_note(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The note that is published. The same checkpoint always gives the same one. Raises CheckpointsBroken for a bad origin."""
    if not checkpoint.origin or any(mark.isspace() or mark == "+" for mark in checkpoint.origin):
        raise CheckpointsBroken("GP_AUDIT_ORIGIN may hold no space and no plus sign. Correct it.")
    signature = key.sign(checkpoint.text().encode())
    signed = b64encode(key_id(checkpoint.origin, key.public_key()) + signature).decode()
    return f"{checkpoint.text()}\n{_DASH} {checkpoint.origin} {signed}\n"


def key_id(name: str, key: Ed25519PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.public_bytes_raw()).digest()[:_KEY_ID_BYTES]


def read_note(note: str, key: Ed25519PublicKey, where: str) -> Checkpoint:
    """The checkpoint in a note that bears our signature; others' signatures beside it are left alone. Raises CheckpointsBroken."""
    checkpoint, signatures = _parsed(note, where)
    ours = key_id(checkpoint.origin, key)
    for name, data in signatures:
        if (name, data[:_KEY_ID_BYTES]) == (checkpoint.origin, ours):
            try:
                key.verify(data[_KEY_ID_BYTES:], checkpoint.text().encode())
            except InvalidSignature:
                break
            return checkpoint
    raise CheckpointsBroken(f"{where} holds a checkpoint that does not bear our signature. Find out who wrote it.")


def claimed(note: str, where: str) -> Checkpoint:
    """The same without looking at the signature. Raises CheckpointsBroken where it is no checkpoint."""
    return _parsed(note, where)[0]


def _parsed(note: str, where: str) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    try:
        if len(note) > _LARGEST_BYTES:
            raise ValueError
        text, signatures = note.rsplit("\n\n", 1)
        origin, size, root = text.split("\n")
        checkpoint = Checkpoint(origin, int(size), b64decode(root, validate=True).hex())
        signed = [_signature(line) for line in signatures.removesuffix("\n").split("\n")]
        if checkpoint.text() != text + "\n":
            raise ValueError
    except ValueError:
        raise CheckpointsBroken(f"{where} holds something that is no checkpoint. Restore it from its copy.") from None
    return checkpoint, signed


def _signature(line: str) -> tuple[str, bytes]:
    dash, name, encoded = line.split(" ")
    if dash != _DASH:
        raise ValueError
    return name, b64decode(encoded, validate=True)
