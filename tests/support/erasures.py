"""Notices of people who opted out, and a search for anything of them in all that a central zone keeps."""

import hmac
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pyarrow as pa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from central_zone import keys, receive
from central_zone.erasures.stripped import read_stripped
from crossing.canonical import schema
from crossing.manifest import Manifest, read_manifest
from support.parcels import Sealed, tokens
from support.postgres import psycopg_url

# A source that is at fault may leave out what is required.
_AS_SENT = pa.schema([field.with_nullable(True) for field in schema("erasure")])
_TABLES = """
SELECT table_schema, table_name FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')
"""


def a_notice(zone: Any, people: list[tuple[bytes, bytes | None, int]], *, sequence: int = 1, **how: Any) -> Sealed:
    """Registration, person and place of the sequence of each who is to be erased."""
    table = pa.table([list(column) for column in zip(*people, strict=True)] or [[], [], []], schema=_AS_SENT)
    how = {"extract_kind": "erasure", "extract_id": f"erasure-{sequence}", **how}
    return zone.sealed({"erasure": table}, sequence=sequence, **how)


def token(index: int, seed: int) -> bytes:
    """A token T1 of the tables in support.parcels: seed 1 for registrations, 2 for people."""
    return bytes(tokens(index + 1, seed)[index].as_py())


def as_stored(zone: Any, t1: bytes) -> bytes:
    """The store's own token (T2), made without the code under test."""
    key = (zone.keys.folder / "store-v1.key").read_bytes()
    subkey = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"gp-collect|store|v1").derive(key)
    return hmac.digest(subkey.hex().encode(), t1.hex().encode(), "sha256")[:16]


def spellings(zone: Any, *t1: bytes) -> list[bytes]:
    """Every way in which these tokens could stand in a file or a table."""
    every = [*t1, *(as_stored(zone, each) for each in t1)]
    return [word for each in every for word in (each, each.hex().encode(), str(UUID(bytes=each)).encode())]


def where_found(zone: Any, needles: list[bytes]) -> set[str]:
    """The tables, files and opened parcels that hold any of these."""
    return {name for name, data in _everything(zone) if any(needle in data for needle in needles)}


def _everything(zone: Any) -> Iterator[tuple[str, bytes]]:
    with psycopg.connect(psycopg_url(zone.settings.store_url)) as connection:
        for schema_name, table in connection.execute(_TABLES).fetchall():
            statement = f'COPY (SELECT * FROM {schema_name}."{table}") TO STDOUT'
            with connection.cursor().copy(statement) as copy:
                yield f"{schema_name}.{table}", b"".join(bytes(block) for block in copy)
    for path in sorted(zone.root.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(zone.root)), path.read_bytes()
    for folder in sorted(zone.settings.inbox_folder.iterdir()):
        yield from _opened(zone, folder)


def _opened(zone: Any, folder: Path) -> Iterator[tuple[str, bytes]]:
    manifest = read_manifest((folder / "manifest.json").read_bytes())
    for index in range(len(manifest.parts)) if any(folder.glob("part-*")) else ():
        yield from _rows_of(zone, folder, manifest, index)


def _rows_of(zone: Any, folder: Path, manifest: Manifest, index: int) -> Iterator[tuple[str, bytes]]:
    """As Arrow writes them: uncompressed, so that a token would show."""
    key = keys.recipient_key(zone.keys.folder)
    part, plaintext = receive.opened_part(
        folder, manifest, index, key, lambda: read_stripped(folder, manifest, zone.keys.folder)
    )
    sink = pa.BufferOutputStream()
    rows = receive.parsed(part, plaintext)
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    yield (
        f"{manifest.practice_code} {manifest.extract_kind} {manifest.sequence}: {part.table}",
        sink.getvalue().to_pybytes(),
    )
