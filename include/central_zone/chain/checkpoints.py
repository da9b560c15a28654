"""The journal of checkpoints: a file outside the store, so that a store that was restored or rewritten can be found out.

One JSON line each: a checkpoint, or the statement with which a restored store went on and which names what it lacks.
A line says of itself who signed it, so a line that is lost is only one witness fewer.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from central_zone.chain.note import Checkpoint, claimed, read_note
from central_zone.errors import CheckpointsBroken
from central_zone.folders import usable
from central_zone.whole_lines import whole_lines_end
from crossing.answers import bytes_to_sign
from crossing.file_lock import lock_alone
from crossing.manifest import canonical_json
from crossing.parcel import sync_folder

NAME = "audit-checkpoints.jsonl"
SETTING = "GP_AUDIT_CHECKPOINTS_DIR or GP_RECEIPTS_DIR"
_CHECKPOINT, _RESTORED = "checkpoint", "restored"
_RESTORED_TYPE = b"application/vnd.gp-collect.store-restored+json"
_BLOCK = 1 << 16  # a checkpoint has some 300 bytes; a statement names every head that was lost


@dataclass(frozen=True, slots=True)
class Journal:
    """All that the journal says and we signed."""

    checkpoints: list[Checkpoint]
    statements: list[dict[str, Any]]  # restored_from, lost (hashes), and who says so


@contextmanager
def only_writer(folder: Path) -> Iterator[BinaryIO]:
    """The journal, for one process at a time; what a killed one left of a line is gone. Raises FileInUse."""
    with usable(SETTING):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            lock_alone(descriptor, SETTING)
            file.truncate(whole_lines_end(file))
            yield file


def append_checkpoint(file: BinaryIO, folder: Path, note: str) -> None:
    _append(file, folder, canonical_json({_CHECKPOINT: note}))


def append_statement(file: BinaryIO, folder: Path, said: dict[str, Any], key: Ed25519PrivateKey) -> None:
    signature = key.sign(bytes_to_sign(said, _RESTORED_TYPE)).hex()
    _append(file, folder, canonical_json({_RESTORED: said, "signature": signature}))


def last_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest that is written down, its signature not looked at; None where there is none. Raises CheckpointsBroken."""
    path = folder / NAME
    if not path.is_file():
        return None
    with usable(SETTING), path.open("rb") as file:
        return last_in(file)


def last_in(file: BinaryIO) -> Checkpoint | None:
    for line in _backwards(file):
        content = _content(line)
        if _CHECKPOINT in content:
            return claimed(content[_CHECKPOINT], NAME)
    return None


def read_journal(folder: Path, key: Ed25519PublicKey) -> Journal:
    """Every line. Raises CheckpointsBroken for one that does not bear our signature."""
    read = Journal([], [])
    path = folder / NAME
    if not path.is_file():
        return read
    with usable(SETTING):
        data = path.read_bytes()
    for line in data.split(b"\n")[:-1]:
        content = _content(line)
        if _CHECKPOINT in content:
            read.checkpoints.append(read_note(content[_CHECKPOINT], key, NAME))
        else:
            read.statements.append(_signed_statement(content, key))
    return read


def _signed_statement(content: dict[str, Any], key: Ed25519PublicKey) -> dict[str, Any]:
    try:
        said = dict(content[_RESTORED])
        key.verify(bytes.fromhex(content["signature"]), bytes_to_sign(said, _RESTORED_TYPE))
    except (InvalidSignature, ValueError, TypeError, KeyError):
        raise CheckpointsBroken(
            f"{NAME} holds a statement of a restore that does not bear our signature. Find out who wrote it."
        ) from None
    return said


def _append(file: BinaryIO, folder: Path, line: bytes) -> None:
    file.seek(0, os.SEEK_END)
    file.write(line + b"\n")
    file.flush()
    os.fsync(file.fileno())
    sync_folder(folder)


def _content(line: bytes) -> dict[str, Any]:
    try:
        content = json.loads(line)
        if isinstance(content, dict) and (isinstance(content.get(_CHECKPOINT), str) or _RESTORED in content):
            return content
    except ValueError:
        pass
    raise CheckpointsBroken(f"{NAME} holds a line that is not one of ours. Restore it from its copy.")


def _backwards(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines from the last to the first."""
    end, rest = whole_lines_end(file), b""
    while end > 0:
        start = max(end - _BLOCK, 0)
        file.seek(start)
        pieces = (file.read(end - start) + rest).split(b"\n")
        rest, end = pieces[0], start
        yield from (piece for piece in reversed(pieces[1:]) if piece)
    if rest:
        yield rest
