"""What the source zone remembers of a practice between nights: enough to decide on an increment.

A night brings only what changed. Whether its rows may leave depends on patients and objections of earlier nights, so
those are kept here, sealed with AES-256-GCM under the memory key, and replaced whole by one rename.
"""

import fcntl
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossing.errors import PersonMustAct, TryAgain
from crossing.faultpoint import faultpoint
from crossing.parcel import sync_folder, write_durably

# What every practice's memory holds; any other table in it belongs to the adapter.
OWN_TABLES = frozenset({"patients", "consents", "withheld", "sent", "held"})
_NONCE_BYTES = 12
_NOW, _NEXT = "memory.sealed", "memory.next.sealed"


class MemoryUnreadable(PersonMustAct):
    """The practice's memory is there but cannot be opened; going on without it would forget objections."""


class PracticeBusy(TryAgain):
    """Another run holds this practice."""


@dataclass(slots=True)
class Memory:
    """One practice's memory. Tables hold identifiers, so the repr shows the sequence only."""

    sequence: int = 0
    previous_manifest_sha256: str | None = None
    taken_extracts: dict[str, str] = field(default_factory=dict)  # extract id -> fingerprint of its files
    taken_until: str | None = None  # ISO instant of the newest extract taken
    parcel_id: str | None = None  # the parcel or notice that brought the practice here
    erasures: int = 0  # notices of erasure that have left
    previous_erasure_sha256: str | None = None  # of the last one's manifest
    token_key_version: int | None = None  # whose tokens the centre has of this practice; None before its first night
    ids_from: int = 1  # the files of the book of ids sent (see ids_sent) that count: first and last
    ids_to: int = 0
    ids_complete: bool = True  # False where tokens left of ids that the book does not hold
    tables: dict[str, pa.Table] = field(default_factory=dict, repr=False)

    def taken_until_instant(self) -> datetime | None:
        """Up to when this practice has been taken; None before its first night."""
        return datetime.fromisoformat(self.taken_until) if self.taken_until else None


@dataclass(frozen=True, slots=True)
class MemoryFile:
    """Where one practice's memory of one collection lies."""

    folder: Path
    key: bytes = field(repr=False)

    def read(self) -> Memory:
        """An absent file is a practice that has never been collected. Raises MemoryUnreadable."""
        return self._open(self.folder / _NOW) if (self.folder / _NOW).exists() else Memory()

    def read_next(self) -> Memory | None:
        """What `prepare` wrote and nobody committed: a run was killed around the moment its parcel left."""
        return self._open(self.folder / _NEXT) if (self.folder / _NEXT).exists() else None

    def _open(self, path: Path) -> Memory:
        sealed = path.read_bytes()
        try:
            content = AESGCM(self.key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._label())
        except (InvalidTag, ValueError):
            raise MemoryUnreadable(
                f"{self.folder.name}: its memory does not open with the memory key. Restore the key or the file from backup; "
                "without it past objections would be forgotten."
            ) from None
        return _unpack(content)

    def prepare(self, memory: Memory) -> None:
        """Puts the next memory beside the present one, durably, before the parcel it belongs to may leave."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        nonce = os.urandom(_NONCE_BYTES)
        draft = self.folder / ".memory.tmp"
        write_durably(draft, nonce + AESGCM(self.key).encrypt(nonce, _pack(memory), self._label()))
        faultpoint("memory.draft_written")
        draft.replace(self.folder / _NEXT)
        sync_folder(self.folder)
        faultpoint("memory.prepared")

    def commit(self) -> None:
        """The next memory becomes the present one: its parcel has left."""
        (self.folder / _NEXT).replace(self.folder / _NOW)
        sync_folder(self.folder)

    def discard_next(self) -> None:
        (self.folder / _NEXT).unlink()
        sync_folder(self.folder)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """One run at a time may move a practice on. Raises PracticeBusy at once rather than wait."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PracticeBusy(
                    f"{self.folder.name}: another run is releasing this practice. Try again when it has ended."
                ) from None
            yield

    def _label(self) -> bytes:
        return f"gp-collect|memory|{self.folder.parent.name}|{self.folder.name}".encode()


def _pack(memory: Memory) -> bytes:
    tables = {name: _to_ipc(table) for name, table in memory.tables.items()}
    head = json.dumps(
        {
            "sequence": memory.sequence,
            "previous_manifest_sha256": memory.previous_manifest_sha256,
            "taken_extracts": memory.taken_extracts,
            "taken_until": memory.taken_until,
            "parcel_id": memory.parcel_id,
            "erasures": memory.erasures,
            "previous_erasure_sha256": memory.previous_erasure_sha256,
            "token_key_version": memory.token_key_version,
            "ids_from": memory.ids_from,
            "ids_to": memory.ids_to,
            "ids_complete": memory.ids_complete,
            "tables": {name: len(data) for name, data in tables.items()},
        }
    ).encode()
    return b"".join([len(head).to_bytes(4, "big"), head, *tables.values()])


def _unpack(content: bytes) -> Memory:
    size = int.from_bytes(content[:4], "big")
    head = json.loads(content[4 : 4 + size])
    tables, start = {}, 4 + size
    for name, length in head.pop("tables").items():
        tables[name] = pa.ipc.open_stream(content[start : start + length]).read_all()
        start += length
    return Memory(**{**_before_rotation(head), **head}, tables=tables)


def _before_rotation(head: dict[str, Any]) -> dict[str, Any]:
    """What a memory of before keys were rotated would have said: there was one key, and no book of ids."""
    known = bool(head["sequence"])
    return {"token_key_version": 1 if known else None, "ids_complete": not known}


def _to_ipc(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()
