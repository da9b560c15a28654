"""Inside Parquet, Arrow and SQLite: the columns as they are once decoded. Parquet's statistics lie open in its footer."""

import io
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from leak_search.parts import CannotOpen, Part

_ROWS = 65_536
_SQLITE_BYTES = 1 << 30


def parquet_parts(stream: BinaryIO) -> Iterator[Part]:
    file = pq.ParquetFile(stream)
    for number, batch in enumerate(file.iter_batches(_ROWS)):
        yield from _columns(f"rows {number}", batch)


def arrow_file_parts(stream: BinaryIO) -> Iterator[Part]:
    with pa.ipc.open_file(stream) as file:
        for number in range(file.num_record_batches):
            yield from _columns(f"rows {number}", file.get_batch(number))


def arrow_stream_parts(stream: BinaryIO) -> Iterator[Part]:
    with pa.ipc.open_stream(stream) as batches:
        for number, batch in enumerate(batches):
            yield from _columns(f"rows {number}", batch)


def _columns(place: str, batch: pa.RecordBatch) -> Iterator[Part]:
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for content in _contents(column):
            yield Part(f"{place}, column {name}", io.BytesIO(content), is_plain=True)


def _contents(column: pa.Array) -> Iterator[bytes]:
    """The values themselves, and what is made of dates and times when they are printed."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        yield from _contents(column.dictionary)
    elif pa.types.is_struct(kind):
        for field in column.flatten():
            yield from _contents(field)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        yield from _contents(column.flatten() if not pa.types.is_map(kind) else column.keys)
        if pa.types.is_map(kind):
            yield from _contents(column.items)
    else:
        yield b"\n".join(bytes(buffer) for buffer in column.buffers() if buffer is not None)
        if pa.types.is_temporal(kind):
            yield "\n".join(pc.cast(column, pa.string()).drop_null().to_pylist()).encode()


def sqlite_parts(stream: BinaryIO) -> Iterator[Part]:
    """Every value of every table, as SQLite prints it; the pages are searched as bytes beside that."""
    content = stream.read(_SQLITE_BYTES + 1)
    if len(content) > _SQLITE_BYTES:
        raise CannotOpen(f"SQLite of more than {_SQLITE_BYTES} bytes")
    with closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(content)
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            quoted = table.replace('"', '""')
            rows = database.execute(f'SELECT * FROM "{quoted}"')  # noqa: S608  (a name SQLite gave, quoted)
            yield Part(f"table {table}", io.BytesIO(b"\n".join(_bytes(value) for row in rows for value in row)))


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")
