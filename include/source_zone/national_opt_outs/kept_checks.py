"""The checks of one collection on disk: what is known of each, and, sealed with the memory key, what was asked and answered.

Written durably before and after every call. What is sealed is destroyed when its check is complete or given up.
"""

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossing.parcel import sync_folder, write_durably
from source_zone.keys import memory_key
from source_zone.national_opt_outs.check import Check, Request
from source_zone.national_opt_outs.errors import ASK_AGAIN, KeptUnreadable
from source_zone.national_opt_outs.number_file import Numbers, from_file
from source_zone.settings import Settings

FOLDER = ".national_opt_outs"  # beside the practices' memories
_NONCE_BYTES = 12
_REMEMBERED = 60  # checks: more than a year of them, far longer than MESH keeps a message


@dataclass(frozen=True, slots=True)
class KeptChecks:
    """One collection's."""

    folder: Path
    key: bytes = field(repr=False)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One process at a time; another waits."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def current(self) -> Check | None:
        paths = _paths(self.folder)
        return _read(paths[-1]) if paths else None

    def all(self) -> list[Check]:
        """Newest last."""
        return [_read(each) for each in _paths(self.folder)]

    def write(self, check: Check) -> Check:
        path = self.folder / f"check-{check.number:05d}.json"
        _replace(path, json.dumps(asdict(check), sort_keys=True).encode())
        for old in _paths(self.folder)[:-_REMEMBERED]:
            old.unlink()
        return check

    def seal(self, name: str, content: bytes) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        _replace(self._path(name), nonce + AESGCM(self.key).encrypt(nonce, content, self._label(name)))

    def unseal(self, name: str) -> bytes:
        """Raises KeptUnreadable."""
        try:
            sealed = self._path(name).read_bytes()
            return AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._label(name))
        except (OSError, InvalidTag, ValueError):
            raise KeptUnreadable(
                f"{self._path(name).name} is missing, or does not open with the memory key. Nothing is made of this check. "
                f"Restore key and folder from one backup, or ask everything again: {ASK_AGAIN}"
            ) from None

    def numbers(self, name: str) -> Numbers:
        """Raises KeptUnreadable."""
        found = from_file(self.unseal(name))
        if found is None:
            raise KeptUnreadable(f"{self._path(name).name} holds something else than numbers. Report the software.")
        return found

    def destroy(self) -> None:
        """What was asked and answered, of every check: identifiers are kept no longer than they are compared."""
        for path in (*self.folder.glob("*.asked.sealed"), *self.folder.glob("*.reply.sealed")):
            path.unlink()
        sync_folder(self.folder)

    def mark(self, content: bytes) -> str:
        """Keyed, since anybody could try all numbers against a plain hash of a short answer."""
        return hmac.new(self.key, b"gp-collect|national-opt-outs|mark|" + content, hashlib.sha256).hexdigest()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.sealed"

    def _label(self, name: str) -> bytes:
        return f"gp-collect|national-opt-outs|{self.folder.parent.name}|{name}".encode()


def kept_checks(collection: str, settings: Settings) -> KeptChecks:
    """Raises KeyRefused."""
    return KeptChecks(settings.memory / collection / FOLDER, memory_key(settings.keys))


def ids_of_others(collection: str, settings: Settings) -> frozenset[str]:
    """Of the other collections' requests, ours and MESH's: one mailbox serves them all."""
    paths = settings.memory.glob(f"*/{FOLDER}/check-*.json")
    checks = [_read(each) for each in paths if each.parent.parent.name != collection]
    requests = [request for check in checks for request in check.requests]
    return frozenset(each for request in requests for each in (request.local_id, request.message_id) if each)


def _paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("check-*.json"))


def _read(path: Path) -> Check:
    content: dict[str, Any] = json.loads(path.read_text())
    requests = tuple(Request(**each) for each in content.pop("requests"))
    lists: dict[str, Any] = {name: tuple(content.pop(name)) for name in ("practices", "not_asked", "late")}
    return Check(**content, **lists, requests=requests)


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name}.part")
    write_durably(draft, content)
    draft.replace(path)
    sync_folder(path.parent)
