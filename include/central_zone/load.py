"""Load: rows into the store by binary COPY, straight from Arrow, inside the caller's transaction."""

from collections.abc import Iterable, Iterator

import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql
from sqlalchemy import Connection

from central_zone.store.connection import store_errors
from crossing.errors import SoftwareFault
from crossing.faultpoint import faultpoint

ROWS_IN_MEMORY = 400_000  # as many as a part of a parcel holds
ROWS_SENT_AT_ONCE = 50_000
_BESIDE = "rows_to_insert"


def load_records(
    connection: Connection,
    table: str,
    rows: Iterable[pa.Table],
    *,
    practice_code: str,
    parcel_number: int,
    schema: str = "records",
    may_replace: bool = True,
) -> int:
    """Appends the rows of one canonical table and answers how many. Raises StoreDown or StoreRefused.

    Where nothing of the practice can be older, and none of its records comes twice, only tombstones `may_replace` a row.
    """
    batches = (
        _of_this_parcel(batch, practice_code, parcel_number, may_replace=may_replace)
        for some in rows
        for batch in _by_registration(some).to_batches(max_chunksize=ROWS_SENT_AT_ONCE)
    )
    return copy_rows(connection, (schema, table), batches)


def _by_registration(rows: pa.Table) -> pa.Table:
    """One patient's rows together: the index fills in order, and the COPY takes a third less time."""
    if "registration_token" not in rows.column_names:
        return rows
    return rows.take(pl.Series(rows["registration_token"].cast(pa.binary())).arg_sort().to_arrow())


def copy_rows(connection: Connection, table: tuple[str, str], batches: Iterable[pa.RecordBatch]) -> int:
    """Appends rows to a table whose columns are named as theirs. Raises StoreDown or StoreRefused."""
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        return 0
    sent = 0
    driver = driver_of(connection)
    with store_errors(f"loading into {'.'.join(table)}"), driver.cursor() as cursor:
        with cursor.copy(_copy_statement(table, first.schema.names)) as copy:
            encoder = ArrowToPostgresBinaryEncoder(first.schema)
            copy.write(encoder.write_header())
            for batch in _chain(first, batches):
                sent += batch.num_rows
                copy.write(encoder.write_batch(batch))
                faultpoint("load.mid_copy")
            copy.write(encoder.finish())
        stored = cursor.rowcount
    if stored != sent:
        raise SoftwareFault(
            f"{'.'.join(table)}: sent {sent} rows but the store counts {stored}. Nothing of it is kept."
        )
    return sent


def insert_rows(connection: Connection, table: tuple[str, str], batches: Iterable[pa.RecordBatch]) -> int:
    """The same for a role that policies hold back: PostgreSQL refuses it a COPY, so the rows go through a table of its own."""
    names, beside = sql.Identifier(*table), sql.Identifier(_BESIDE)
    with store_errors(f"writing into {'.'.join(table)}"):
        made = sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(beside, names)
        connection.exec_driver_sql(made.as_string(None))
        sent = copy_rows(connection, ("pg_temp", _BESIDE), batches)
        moved = sql.SQL("INSERT INTO {} SELECT * FROM pg_temp.{}").format(names, beside)
        connection.exec_driver_sql(moved.as_string(None))
        connection.exec_driver_sql(sql.SQL("DROP TABLE pg_temp.{}").format(beside).as_string(None))
    return sent


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def _copy_statement(table: tuple[str, str], columns: list[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(*table), names)


def comes_twice(rows: pa.Table) -> bool:
    """Whether a record is in the table more than once."""
    tokens = rows["record_token"].combine_chunks().cast(pa.binary())
    return bool(pl.Series(tokens).n_unique() < rows.num_rows)


def _of_this_parcel(
    batch: pa.RecordBatch, practice_code: str, parcel_number: int, *, may_replace: bool
) -> pa.RecordBatch:
    practice = pa.repeat(practice_code, batch.num_rows)
    number = pa.repeat(pa.scalar(parcel_number, pa.int64()), batch.num_rows)
    marks = pa.repeat(True, batch.num_rows) if may_replace else _true_or_null(batch["is_deleted"])
    names = [*batch.schema.names, "practice_code", "parcel_number", "may_replace"]
    return pa.RecordBatch.from_arrays([*batch.columns, practice, number, marks], names=names)


def _true_or_null(flags: pa.Array) -> pa.Array:
    """NULL in place of false takes no room in a row, and none in the index of rows that may replace others."""
    return pc.if_else(flags, flags, pa.scalar(None, pa.bool_()))


def driver_of(connection: Connection) -> psycopg.Connection[tuple[object, ...]]:
    """The driver's own connection, in the same transaction: SQLAlchemy has no COPY."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise SoftwareFault("The store's URL does not name the psycopg driver. Use postgresql+psycopg://")
    return driver
