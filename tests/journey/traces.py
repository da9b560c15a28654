"""A search for anything of certain people, in many spellings, in one pass over each thing that is searched."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa

from central_zone import keys
from central_zone.erasures.stripped import read_stripped
from central_zone.receive import opened_rows, read_signed_manifest
from central_zone.settings import Settings as CentralSettings
from source_zone.settings import Settings
from support.postgres import psycopg_url

_TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2
"""
Surface = list[tuple[str, bytes]]  # what is searched: its name, and what stands there
_TOKEN_BYTES = 16
_HEXADECIMAL = re.compile(rb"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{22}")


@dataclass(slots=True)
class Traces:
    """Of these tokens. A trace is a token as bytes, hexadecimal (also as a UUID) or base64, wherever it stands."""

    tokens: frozenset[bytes] = field(repr=False)
    _base64: frozenset[bytes] = field(init=False, repr=False)
    _first: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._base64 = frozenset(base64.b64encode(each)[:21] for each in self.tokens)  # the 22nd holds two bits alone
        self._first = np.zeros(1 << 24, bool)
        self._first[[int.from_bytes(each[:3], "little") for each in self.tokens]] = True

    def within(self, data: bytes) -> set[bytes]:
        """The tokens that stand in it."""
        return self._raw(data) | self._hexadecimal(data.lower()) | self._in_base64(data)

    def _raw(self, data: bytes) -> set[bytes]:
        """Every place is looked at: three bytes first, all at once."""
        if len(data) < _TOKEN_BYTES:
            return set()
        found: set[bytes] = set()
        for start in range(4):
            words = np.frombuffer(data, "<u4", (len(data) - start) // 4, start)
            places = np.flatnonzero(self._first[words & 0xFFFFFF]) * 4 + start
            found |= {data[place : place + 16] for place in places.tolist()} & self.tokens
        return found

    def _hexadecimal(self, data: bytes) -> set[bytes]:
        words = (word.replace(b"-", b"") for word in _HEXADECIMAL.findall(data))
        return {bytes.fromhex(word.decode()) for word in words} & self.tokens

    def _in_base64(self, data: bytes) -> set[bytes]:
        words = {word.replace(b"-", b"+").replace(b"_", b"/") for word in _BASE64.findall(data)}
        return {base64.b64decode(word + b"==") for word in words if word[:21] in self._base64} & self.tokens


def opened_parcels(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """Every file of every parcel as it lies there, and every part that is left, opened."""
    central = settings.keys.parent / "central"
    for path in sorted(settings.outbox.glob("*/*")):
        yield f"{path.parent.name}/{path.name}", path.read_bytes()
    for folder in sorted(path.parent for path in settings.outbox.glob("*/manifest.json")):
        manifest = read_signed_manifest(folder, central)
        if list(folder.glob("part-*")):
            stripped = partial(read_stripped, folder, manifest, central)
            for table, rows in opened_rows(folder, manifest, keys.recipient_key(central), stripped=stripped):
                yield f"{manifest.practice_code} {manifest.sequence} {table}", _uncompressed(rows)


def _uncompressed(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    return sink.getvalue().to_pybytes()


def tables_of(settings: CentralSettings) -> Iterator[tuple[str, bytes]]:
    """Every table of every schema of ours, as PostgreSQL dumps it."""
    with psycopg.connect(psycopg_url(settings.store_url)) as connection:
        for schema, table in connection.execute(_TABLES).fetchall():
            with connection.cursor().copy(f'COPY (SELECT * FROM {schema}."{table}") TO STDOUT') as copy:
                if data := b"".join(bytes(block) for block in copy):
                    yield f"{schema}.{table}", data


def heap_of(settings: CentralSettings) -> Iterator[tuple[str, bytes]]:
    """The files of the database itself, once every table is written anew: a deleted row stays in its page until then.

    Analysed first: the planner's statistics (pg_stats) keep frequent values of a column until the next time.
    """
    with psycopg.connect(psycopg_url(settings.store_url), autocommit=True) as connection:
        connection.execute("ANALYZE")
        connection.execute("VACUUM FULL")
        connection.execute("CHECKPOINT")
        yield from files_of_the_database(connection)


def files_of_the_database(connection: psycopg.Connection) -> Iterator[tuple[str, bytes]]:
    place = "SELECT current_setting('data_directory'), oid::text FROM pg_database WHERE datname = current_database()"
    (data, oid), *_ = connection.execute(place).fetchall()
    for path in sorted(Path(data, "base", oid).iterdir()):
        if path.is_file() and path.stat().st_size:
            yield path.name, path.read_bytes()


def written_by_the_centre(root: Path) -> Iterator[tuple[str, bytes]]:
    """Journal, certificates, receipts, lineage, register, and whatever else lies in its folders but what is staged."""
    for path in sorted((root / "central").rglob("*")):
        if path.is_file():
            yield str(path.relative_to(root)), path.read_bytes()
    for path in sorted(each for each in (root / "spool").rglob("*") if each.is_file()):
        yield str(path.relative_to(root)), path.read_bytes()
