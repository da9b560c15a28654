"""Load: rows into the store by binary COPY, straight from Arrow, inside the caller's transaction."""

from collections.abc import Iterable, Iterator

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from sqlalchemy import Connection

from central_zone.errors import SoftwareFault
from central_zone.store.connection import store_errors

ROWS_AT_A_TIME = 50_000


def load_records(
    connection: Connection, table: str, batches: Iterable[pa.RecordBatch], *, practice_code: str, parcel_number: int
) -> int:
    """Appends the rows of one canonical table and answers how many. Raises StoreDown or StoreRefused."""
    whose = (_of_this_parcel(batch, practice_code, parcel_number) for batch in batches)
    return copy_rows(connection, ("records", table), whose)


def copy_rows(connection: Connection, table: tuple[str, str], batches: Iterable[pa.RecordBatch]) -> int:
    """Appends rows to a table whose columns are named as theirs. Raises StoreDown or StoreRefused."""
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        return 0
    sent = 0
    driver = _driver(connection)
    with store_errors(f"loading into {'.'.join(table)}"), driver.cursor() as cursor:
        with cursor.copy(_copy_statement(table, first.schema.names)) as copy:
            encoder = ArrowToPostgresBinaryEncoder(first.schema)
            copy.write(encoder.write_header())
            for batch in _chain(first, batches):
                sent += batch.num_rows
                copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())
        stored = cursor.rowcount
    if stored != sent:
        raise SoftwareFault(
            f"{'.'.join(table)}: sent {sent} rows but the store counts {stored}. Nothing of it is kept."
        )
    return sent


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _copy_statement(table: tuple[str, str], columns: list[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(*table), names)


def _of_this_parcel(batch: pa.RecordBatch, practice_code: str, parcel_number: int) -> pa.RecordBatch:
    practice = pa.repeat(practice_code, batch.num_rows)
    number = pa.repeat(pa.scalar(parcel_number, pa.int64()), batch.num_rows)
    names = [*batch.schema.names, "practice_code", "parcel_number"]
    return pa.RecordBatch.from_arrays([*batch.columns, practice, number], names=names)


def _driver(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The driver's own connection, in the same transaction: SQLAlchemy has no COPY."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise SoftwareFault("The store's URL does not name the psycopg driver. Use postgresql+psycopg://")
    return driver
