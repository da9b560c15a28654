"""Seal: canonical rows become sealed parts and a signed manifest, published to the outbox by one rename.

HPKE (RFC 9180; MLKEM768_X25519, HKDF-SHA-256, AES-256-GCM) to the central zone's key; Ed25519 over the manifest, and ML-DSA-65
beside it where the source has such a key.
Until the last look at the opt-outs the parts are drafts in the spool, under the run key: nothing has left.
"""

import hashlib
import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives import hpke

from crossing.canonical import NATIONAL_ALLOW_LIST, Kind, column_names
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest, Part, bytes_to_sign, part_binding
from crossing.parcel import MANIFEST_NAME, SECOND_SIGNATURE_NAME, SIGNATURE_NAME, part_name, write_durably
from source_zone.background import Background
from source_zone.keys import SourceKeys
from source_zone.spool import Spool

ROWS_PER_PART = 400_000
_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class Unsealed(Protocol):
    """What is to be sealed, a part after another."""

    parts: list[tuple[str, int]]  # table, rows

    def plaintexts(self) -> Iterator[tuple[str, int, bytes]]:
        """Table, rows and Parquet of each part, in order."""
        ...


@dataclass(slots=True)
class Drafts:
    """The parts of a parcel before they are sealed, in order; at most ROWS_PER_PART rows of one table are in memory."""

    spool: Spool
    extract_id: str
    background: Background = field(repr=False)
    parts: list[tuple[str, int]] = field(default_factory=list)  # table, rows
    _waiting: list[pa.Table] = field(default_factory=list, repr=False)

    def add(self, table: str, rows: pa.Table) -> None:
        self._waiting.append(rows)
        if sum(each.num_rows for each in self._waiting) >= ROWS_PER_PART:
            self.end_of(table)

    def end_of(self, table: str) -> None:
        rows = pa.concat_tables(self._waiting) if self._waiting else None
        self._waiting = []
        if rows is not None and rows.num_rows:
            self.background.do(self._write, self._name(len(self.parts)), table, rows)
            self.parts.append((table, rows.num_rows))

    def _write(self, name: str, table: str, rows: pa.Table) -> None:
        self.spool.write_sealed(name, to_parquet(table, rows))

    def plaintexts(self) -> Iterator[tuple[str, int, bytes]]:
        for index, (table, rows) in enumerate(self.parts):
            yield table, rows, self.spool.read_sealed(self._name(index))

    def _name(self, index: int) -> str:
        return f"{self.extract_id}-draft-{index:05d}"


def to_parquet(table: str, rows: pa.Table) -> bytes:
    """Tokens are random, so a dictionary or a compressor only costs time on them; codes and words repeat."""
    repeating = [*column_names(table, Kind.CODE), *column_names(table, Kind.CLOSED), "registration_token"]
    sink = io.BytesIO()
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in repeating if name in rows.column_names],
        write_statistics=False,
    )
    return sink.getvalue()


def draft_folder(outbox: Path, manifest: Manifest) -> Path:
    """Where a sealed parcel waits to be published: in the outbox, under a name that no carrier takes."""
    apart = "list-" if manifest.extract_kind == NATIONAL_ALLOW_LIST else ""  # it has an order of its own to leave by
    return outbox / f".draft-{manifest.collection}-{manifest.practice_code}-{apart}{manifest.parcel_id}"


def draft_of(outbox: Path, parcel_id: str) -> Path | None:
    """The draft of this parcel; None where there is none."""
    return next(outbox.glob(f".draft-*-{parcel_id}"), None)


def drafts_of(outbox: Path, collection: str, practice_code: str) -> list[Path]:
    """Every draft that the practice's memory would move on with; the holder of the practice's lock made them all."""
    return sorted(outbox.glob(f".draft-{collection}-{practice_code}-[0-9a-f]*"))


def seal(manifest: Manifest, drafts: Unsealed, keys: SourceKeys, outbox: Path) -> Manifest:
    """Writes the sealed parcel as a draft and returns its manifest, now with parts. Nothing has left yet.

    `manifest` comes without parts; its counts are checked by the reader on the other side and by the caller here.
    """
    outbox.mkdir(parents=True, exist_ok=True)
    draft = draft_folder(outbox, manifest)
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o750)
    faultpoint("seal.folder_made")
    sealed = replace(manifest, parts=tuple(_seal_parts(manifest.identity(), drafts, keys, draft)))
    content = sealed.to_bytes()
    write_durably(draft / MANIFEST_NAME, content)
    faultpoint("seal.manifest_written")
    write_durably(draft / SIGNATURE_NAME, keys.signing_key.sign(bytes_to_sign(content)))
    if keys.second_signing_key is not None:
        write_durably(draft / SECOND_SIGNATURE_NAME, keys.second_signing_key.sign(bytes_to_sign(content)))
    faultpoint("seal.signed")
    return sealed


def _seal_parts(identity: bytes, drafts: Unsealed, keys: SourceKeys, folder: Path) -> Iterator[Part]:
    count = len(drafts.parts)
    for index, (table, rows, plaintext) in enumerate(drafts.plaintexts()):
        ciphertext = _SUITE.encrypt(plaintext, keys.recipient_key, info=part_binding(identity, index, count))
        write_durably(folder / part_name(index), ciphertext)
        faultpoint("seal.part_written")
        yield Part(
            name=part_name(index),
            table=table,
            rows=rows,
            ciphertext_bytes=len(ciphertext),
            ciphertext_sha256=hashlib.sha256(ciphertext).hexdigest(),
            plaintext_bytes=len(plaintext),
            plaintext_sha256=hashlib.sha256(plaintext).hexdigest(),
        )
