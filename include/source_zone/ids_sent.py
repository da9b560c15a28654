"""The book of ids sent: everything of which a token left a practice, so that a new key's tokens can be paired with the old.

Only the source knows what a token was made of, and it keeps no record it has sent. So each parcel's ids are laid down beside
the practice's memory, sealed under a key made from the memory's, before the parcel leaves. The memory says which files
count: one that a killed run left behind is written over by the next.
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossing.canonical import PERSON, RECORD_ID, REGISTRATION_ID, TABLES, Kind
from crossing.errors import PersonMustAct
from crossing.faultpoint import faultpoint
from crossing.identifiers import canonical_nhs_number
from crossing.parcel import sync_folder, write_durably
from source_zone.background import Background
from source_zone.identified import identified_name
from source_zone.keys import derive
from source_zone.memory import Memory
from source_zone.spool import Spool

KINDS = pl.Enum([RECORD_ID, REGISTRATION_ID, PERSON])
IDS = pl.Schema({"stands_for": KINDS, "id": pl.String()})
IDS_A_CHUNK = 400_000
_NONCE_BYTES = 12
_SIZE_BYTES = 4


class BookUnreadable(PersonMustAct):
    """A file of the book of ids is missing or does not open: tokens made of its ids could not be replaced."""


def ids(stands_for: str, values: Iterable[str | None] | pl.Series) -> pl.DataFrame:
    """Ids of one kind, as they are."""
    known = pl.Series("id", values, pl.String).drop_nulls()
    return known.to_frame().select(pl.lit(stands_for).cast(KINDS).alias("stands_for"), "id")


def ids_of(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Everything in these identified rows of which a token is made. A tombstone's references do not leave."""
    live = rows.filter(~pl.col("is_deleted").fill_null(False))
    found = [pl.DataFrame(schema=IDS)]
    for column in (each for each in TABLES[table] if each.kind == Kind.TOKEN):
        if column.name == "patient_token":
            found.append(ids(PERSON, [canonical_nhs_number(each) for each in live["nhs_number"].to_list()]))
        elif column.name == "registration_token":
            found.append(ids(REGISTRATION_ID, rows["registration_id"].unique()))
        elif column.name == "record_token":  # hardly repeats: looking for repeats would only cost
            found.append(ids(RECORD_ID, rows["record_id"]))
        else:
            found.append(ids(RECORD_ID, live[identified_name(column.name)].unique()))
    return pl.concat(found)


@dataclass(slots=True)
class NotedIds:
    """The ids of one parcel in the making, in the run's spool."""

    spool: Spool
    name: str
    background: Background = field(repr=False)
    chunks: int = 0
    has_ready_tokens: bool = False  # tokens that the supplier made itself, of numbers that we never saw
    _waiting: list[pl.DataFrame] = field(default_factory=list, repr=False)

    def note(self, table: str, rows: pl.DataFrame) -> None:
        self._waiting.append(ids_of(table, rows))
        if "ready_patient_token" in rows.columns:
            self.has_ready_tokens |= rows["ready_patient_token"].null_count() < rows.height
        if sum(each.height for each in self._waiting) >= IDS_A_CHUNK:
            self.end()

    def end(self) -> None:
        """What still waits is written too."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.background.do(self._write, f"{self.name}-ids-{self.chunks:05d}", waiting)
            self.chunks += 1

    def _write(self, name: str, waiting: list[pl.DataFrame]) -> None:
        self.spool.write_sealed(name, as_bytes(pl.concat(waiting)))

    def contents(self) -> Iterator[bytes]:
        for number in range(self.chunks):
            yield self.spool.read_sealed(f"{self.name}-ids-{number:05d}")


def as_bytes(chunk: pl.DataFrame) -> bytes:
    """Parquet: half the time and two thirds of the room that Arrow's own compressed form takes."""
    rows = chunk.with_columns(pl.col("stands_for").cast(pl.String)).to_arrow()
    sink = io.BytesIO()
    how = {"compression": "zstd", "compression_level": 1, "write_statistics": False}
    pq.write_table(rows, sink, use_dictionary=["stands_for"], **how)
    return sink.getvalue()


def as_frame(content: bytes) -> pl.DataFrame:
    """Raises pa.ArrowException or OSError for what is none."""
    rows = pl.DataFrame(pl.from_arrow(pq.read_table(pa.BufferReader(content))))
    return rows.with_columns(pl.col("stands_for").cast(KINDS))


@dataclass(frozen=True, slots=True)
class IdsBook:
    """One practice's book of one collection. Files are numbered; each holds sealed chunks, all of them or it does not open."""

    folder: Path  # the practice's memory
    memory_key: bytes = field(repr=False)

    def write(self, number: int, contents: Iterable[bytes]) -> None:
        """Durably, in place of what a killed run left under this number."""
        self._file(number).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = self._file(number).with_name(".book.tmp")
        sealed = [self._seal(number, index, content) for index, content in enumerate(contents)]
        write_durably(draft, len(sealed).to_bytes(_SIZE_BYTES, "big") + b"".join(sealed))
        faultpoint("ids_sent.draft_written")
        draft.replace(self._file(number))
        sync_folder(self._file(number).parent)
        faultpoint("ids_sent.written")

    def read(self, memory: Memory) -> Iterator[pl.DataFrame]:
        """The chunks of all files that count. Raises BookUnreadable."""
        for number in range(memory.ids_from, memory.ids_to + 1):
            try:
                data = memoryview(self._file(number).read_bytes())
                yield from self._open(number, data)
            except (OSError, InvalidTag, ValueError, pa.ArrowException):
                raise BookUnreadable(
                    f"{self.folder.name}: file {number} of its book of ids is missing or does not open with the memory key. "
                    "Restore it, or the key, from backup; until then the practice stays under its present token key."
                ) from None

    def forget_before(self, number: int) -> None:
        """Removes the files whose ids are all in a later one."""
        for path in self.folder.glob("ids/*.sealed"):
            if int(path.stem) < number:
                path.unlink()

    def _seal(self, number: int, index: int, content: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + AESGCM(self._key()).encrypt(nonce, content, self._label(number, index))
        return len(sealed).to_bytes(_SIZE_BYTES, "big") + sealed

    def _open(self, number: int, data: memoryview) -> Iterator[pl.DataFrame]:
        count, start = int.from_bytes(data[:_SIZE_BYTES], "big"), _SIZE_BYTES
        for index in range(count):
            body = start + _SIZE_BYTES
            end = body + int.from_bytes(data[start:body], "big")
            nonce, sealed = bytes(data[body : body + _NONCE_BYTES]), data[body + _NONCE_BYTES : end]
            content = AESGCM(self._key()).decrypt(nonce, bytes(sealed), self._label(number, index))
            yield as_frame(content)
            start = end
        if start != len(data):
            raise ValueError

    def _file(self, number: int) -> Path:
        return self.folder / "ids" / f"{number:06d}.sealed"

    def _key(self) -> bytes:
        return derive(self.memory_key, b"gp-collect|ids-sent")

    def _label(self, number: int, index: int) -> bytes:
        return f"gp-collect|ids-sent|{self.folder.parent.name}|{self.folder.name}|{number}|{index}".encode()


def written_down(book: IdsBook, moved_on: Memory, noted: NotedIds) -> Memory:
    """The memory that counts this parcel's ids too, now that they are on disk. To be called before the parcel leaves."""
    moved_on = replace(moved_on, ids_complete=moved_on.ids_complete and not noted.has_ready_tokens)
    return with_contents(book, moved_on, noted.contents()) if noted.chunks else moved_on


def with_contents(book: IdsBook, moved_on: Memory, contents: Iterable[bytes]) -> Memory:
    """The same for ids at hand."""
    number = moved_on.ids_to + 1
    book.write(number, contents)
    return replace(moved_on, ids_to=number)


def registrations_and_persons(patients: pa.Table) -> pl.DataFrame:
    """Of what is said of people alone: the ids of identified patient rows."""
    rows = pl.DataFrame(pl.from_arrow(patients)).select("registration_id", "nhs_number")
    numbers = [canonical_nhs_number(each) for each in rows["nhs_number"].to_list()]
    return pl.concat([ids(REGISTRATION_ID, rows["registration_id"]), ids(PERSON, numbers)])
