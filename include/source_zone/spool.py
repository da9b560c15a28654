"""The spool: identified rows at rest between steps, only ever encrypted under a key made for this run.

Each table of each extract is a Parquet file under Parquet modular encryption (AES-256-GCM), its key derived from the
run key and its own name, so that a file cannot be passed off as another. Shredding destroys the run key first.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pyarrow.parquet import encryption

from crossing.errors import PersonMustAct
from crossing.faultpoint import faultpoint
from crossing.key_files import read_key_file, write_key_file
from source_zone.keys import KEY_BYTES, derive

_ROW_GROUP = 128 * 1024
_NONCE_BYTES = 12


class SpoolMissing(PersonMustAct):
    """A step was asked to go on from a spool that was never filled, or has been shredded."""


@dataclass(frozen=True, slots=True)
class Spool:
    """One practice's spool for one run."""

    folder: Path
    run_key: bytes = field(repr=False)

    def write_table(self, name: str, table: pa.Table) -> None:
        with self.writer(name, table.schema) as writer:
            writer.write_table(table, row_group_size=_ROW_GROUP)

    def writer(self, name: str, schema: pa.Schema) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self._path(name),
            schema,
            compression="lz4",  # the spool lives for minutes: time matters more than room
            write_statistics=False,
            encryption_properties=encryption.create_encryption_properties(self._key(name), aad_prefix=name.encode()),
        )

    def read_table(self, name: str, columns: list[str] | None = None) -> pa.Table:
        with self._reader(name) as reader:
            return reader.read(columns)

    def batches(self, name: str, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        with self._reader(name) as reader:
            yield from reader.iter_batches(_ROW_GROUP, columns=columns)

    def write_sealed(self, name: str, content: bytes) -> None:
        """Bytes of ours that wait for a later moment of this run, sealed whole under a key of their own."""
        nonce = os.urandom(_NONCE_BYTES)
        self._path(name).write_bytes(nonce + AESGCM(self._key(name)).encrypt(nonce, content, name.encode()))

    def read_sealed(self, name: str) -> bytes:
        sealed = self._path(name).read_bytes()
        return AESGCM(self._key(name)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())

    def write_note(self, name: str, content: dict[str, Any]) -> None:
        """Counts and ids between steps; no identifier belongs in one, so it is plain JSON, written whole or not at all."""
        draft = self.folder / f".{name}.tmp"
        draft.write_text(json.dumps(content, sort_keys=True))
        draft.replace(self.folder / f"{name}.json")

    def read_note(self, name: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / f"{name}.json").read_text()))
        except FileNotFoundError:
            raise SpoolMissing(f"The spool of this run has no {name}. Run the practice again from `pull`.") from None

    def _reader(self, name: str) -> pq.ParquetFile:
        properties = encryption.create_decryption_properties(self._key(name), aad_prefix=name.encode())
        try:
            return pq.ParquetFile(self._path(name), decryption_properties=properties)
        except (OSError, pa.ArrowException):  # another run of this practice may have shredded it
            raise SpoolMissing(
                f"The spool's table {name} cannot be opened with this run's key. Run again from `pull`."
            ) from None

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.spool"

    def _key(self, name: str) -> bytes:
        return derive(self.run_key, f"gp-collect|spool|{name}".encode())


def spool_folder(root: Path, practice_code: str, run_id: str) -> Path:
    """Run ids come from Airflow and hold odd characters; a folder is named by their hash."""
    return root / practice_code / hashlib.sha256(run_id.encode()).hexdigest()[:16]


def open_new(root: Path, practice_code: str, run_id: str) -> Spool:
    """An empty spool with a new key. What an earlier, killed run of this practice left behind is shredded."""
    shred_all(root, practice_code)
    folder = spool_folder(root, practice_code, run_id)
    folder.mkdir(parents=True, mode=0o700)
    write_key_file(folder / "run.key", os.urandom(KEY_BYTES))
    return open_existing(root, practice_code, run_id)


def open_existing(root: Path, practice_code: str, run_id: str) -> Spool:
    folder = spool_folder(root, practice_code, run_id)
    if not (folder / "run.key").exists():
        raise SpoolMissing(
            f"Practice {practice_code} has no spool for this run: it was shredded or never pulled. Run it again from `pull`."
        )
    return Spool(folder, read_key_file(folder / "run.key", expected_bytes=KEY_BYTES))


def shred_all(root: Path, practice_code: str) -> int:
    """Destroys keys, then files, of every run of this practice. Returns how many spools there were."""
    folders = [path for path in (root / practice_code).glob("*") if path.is_dir()]
    for folder in folders:
        shred(folder)
    return len(folders)


def shred_finished(root: Path, practice_code: str, taken: Container[str]) -> None:
    """Destroys what runs left that were killed after their last parcel had left, so that no run would look at it again.

    The caller holds the practice's lock. A run that is between two of its steps still has something to take.
    """
    for folder in (root / practice_code).glob("*"):
        if folder.is_dir() and _is_finished(folder, taken):
            shred(folder)


def _is_finished(folder: Path, taken: Container[str]) -> bool:
    if not (folder / "run.key").exists():
        return True
    note = folder / "extracts.json"
    return note.exists() and all(each in taken for each in json.loads(note.read_text())["ids"])


def shred(folder: Path) -> None:
    key = folder / "run.key"
    if key.exists():
        key.chmod(0o600)
        key.write_bytes(os.urandom(KEY_BYTES))
        faultpoint("shred.key_overwritten")
        key.unlink()
        faultpoint("shred.key_destroyed")
    shutil.rmtree(folder, ignore_errors=True)
