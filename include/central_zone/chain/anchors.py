"""Anchors: whatever outside the store bears witness to an entry of the audit chain, and is ours by its signature.

The journal of checkpoints; the answers that practices were given (receipts and their supplements, certificates of erasure,
retired keys); the published register. Whoever kept another copy of one may hand it in.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central_zone import keys
from central_zone.chain import checkpoints
from central_zone.chain.note import read_note
from central_zone.errors import CheckpointsBroken
from central_zone.folders import usable
from central_zone.settings import Settings
from crossing import answers
from crossing.answers import AnswerRefused

REGISTER, CHECKPOINT_FILE = "register.json", "audit-checkpoint.txt"
CHECKPOINT = "checkpoint"
_RETIRED = ".retired.json"
_ENDINGS = {
    f".{answers.RECEIPT}.json": answers.RECEIPT,
    f".{answers.SUPPLEMENT}.json": answers.SUPPLEMENT,
    f".{answers.CERTIFICATE}.json": answers.CERTIFICATE,
    _RETIRED: answers.RETIREMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """One witness: this hash is an entry of the chain, and where it says so, the entry of this number."""

    head: str
    size: int | None
    kind: str
    where: str  # names of files of ours
    said: dict[str, Any] | None = None  # all that a signed answer, or a release on the register, says


def anchors(settings: Settings, also: Iterable[Path] = ()) -> Iterator[Anchor]:
    """Every anchor that can be found. Raises CheckpointsBroken, which names the file that is not as we wrote it."""
    key = keys.receipt_signing_key(settings.keys_folder).public_key()
    if settings.checkpoints_folder:
        for each in checkpoints.read_journal(settings.checkpoints_folder, key).checkpoints:
            yield Anchor(head=each.head, size=each.size, kind=CHECKPOINT, where=checkpoints.NAME)
    if "GP_RECEIPTS_DIR" in settings.values:
        yield from _answers(settings.receipts_folder, key)
    if "GP_REGISTER_DIR" in settings.values:
        for name in (REGISTER, CHECKPOINT_FILE):
            yield from _of_file(settings.register_folder / name, key)
    for path in also:
        if not path.is_file():
            raise CheckpointsBroken(f"{path.name}: there is no such file. Name a receipt, a register or a checkpoint.")
        yield from _of_file(path, key)


def _answers(folder: Path, key: Ed25519PublicKey) -> Iterator[Anchor]:
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            if _kind(path):
                yield _answer(path, key)


def retirements(settings: Settings) -> list[Anchor]:
    """The statements of retired keys alone: receipts beside them may be many. Raises as above, or SettingMissing."""
    key = keys.receipt_signing_key(settings.keys_folder).public_key()
    return [_answer(path, key) for path in sorted(settings.receipts_folder.glob(f"*{_RETIRED}"))]


def _of_file(path: Path, key: Ed25519PublicKey) -> Iterator[Anchor]:
    if not path.is_file():
        return
    if _kind(path):
        yield _answer(path, key)
    elif path.suffix == ".json":
        yield from _register(path)
    else:
        found = read_note(_text(path), key, path.name)
        yield Anchor(head=found.head, size=found.size, kind=CHECKPOINT, where=path.name)


def _kind(path: Path) -> str | None:
    return next((kind for ending, kind in _ENDINGS.items() if path.name.endswith(ending)), None)


def _answer(path: Path, key: Ed25519PublicKey) -> Anchor:
    kind = _kind(path) or ""
    try:
        answer = answers.read_answer(_text(path).encode(), kind, path.name)
        key.verify(answer.signature, answers.bytes_to_sign(answer.content, answers.PAYLOAD_TYPES[kind]))
        return Anchor(head=answer.content["audit_head"], size=None, kind=kind, where=path.name, said=answer.content)
    except (AnswerRefused, InvalidSignature, KeyError):
        raise CheckpointsBroken(
            f"{path.name} does not bear our signature, or is none of our answers. Find out who wrote or changed it."
        ) from None


def _register(path: Path) -> Iterator[Anchor]:
    """The register is not signed; it is public, so that others hold copies."""
    try:
        content = json.loads(_text(path))
        head = content["audit_head"]
        if head:
            yield Anchor(head=head["sha256"], size=head["entry"], kind="register", where=path.name)
        for each in content["releases"]:
            yield Anchor(head=each["audit_sha256"], size=None, kind="release", where=path.name, said=each)
    except (ValueError, KeyError, TypeError):
        raise CheckpointsBroken(f"{path.name} is not a register as we publish it. Restore it from its copy.") from None


def _text(path: Path) -> str:
    with usable("A file that bears witness to the audit chain"):
        return path.read_text()
