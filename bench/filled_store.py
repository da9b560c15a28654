"""A store filled with simulated practices, for `bench/store.py`: one practice released, and moved to as many as are wanted.

A simulated practice goes through the source zone once. Every further one is that practice with its tokens changed: joins
hold, records differ, all columns are as in life. Each practice has a first parcel and a later one, which brings a twentieth
of its records again and a hundredth as deleted.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

from central_zone import keys, ledger, receive
from central_zone.load import ROWS_SENT_AT_ONCE
from central_zone.store.connection import store_of, transaction
from central_zone.store.prepare import prepare
from crossing.canonical import TABLES, has_patient

BIN = Path(sys.executable).parent
PRACTICE = "Y99001"
TOKEN = pa.binary(16)
AGAIN, DELETED = 20, 100  # one record in so many comes again; one in so many of all is deleted
Tables = dict[str, pa.Table]


def a_practice(root: Path, patients: int) -> Tables:
    """The canonical rows of one simulated practice's first night, one registration's together."""
    folders = {"GP_SOURCE_KEYS_DIR": "keys/source", "GP_CENTRAL_KEYS_DIR": "keys/central"}
    folders |= {"GP_SOURCE_WORK_DIR": "spool", "GP_SOURCE_STATE_DIR": "memory", "GP_INCOMING_DIR": "incoming"}
    folders |= {"GP_OUTBOX_DIR": "outbox"}
    here = {**os.environ, **{name: str(root / folder) for name, folder in folders.items()}}
    for name in ("spool", "memory", "incoming", "outbox"):
        (root / name).mkdir(parents=True, exist_ok=True)
    size = ["--practices", "1", "--patients", str(patients), "--seed", "1", "--night", "1"]
    for command in (
        ["keys", "init", "--dir", str(root / "keys")],
        ["simulate", *size, "--out", str(root / "incoming")],
        ["release", "--collection", "gpdpr", "--practice", PRACTICE],
    ):
        subprocess.run([str(BIN / "gp-source"), *command], env=here, check=True, stdout=subprocess.DEVNULL)
    (folder,) = [path for path in (root / "outbox").iterdir() if not path.name.startswith(".")]
    manifest = receive.read_signed_manifest(folder, root / "keys/central", now=datetime.now(UTC))
    found: dict[str, list[pa.Table]] = {}
    for table, rows in receive.opened_rows(folder, manifest, keys.recipient_key(root / "keys/central")):
        found.setdefault(table, []).append(rows)
    return {table: together(pa.concat_tables(found[table])) for table in TABLES if table in found}


def together(rows: pa.Table) -> pa.Table:
    rows = rows.combine_chunks()
    if "registration_token" not in rows.column_names:
        return rows
    order = pl.Series(rows["registration_token"].cast(pa.binary())).arg_sort().to_arrow()
    return rows.take(order).combine_chunks()


def moved(tables: Tables, number: int) -> Tables:
    """The same practice as another: every token changed, equal ones to equal ones."""
    change = np.frombuffer(np.random.default_rng(number).bytes(16), np.uint8)
    return {table: _changed(rows, change) for table, rows in tables.items()}


def _changed(rows: pa.Table, change: "np.ndarray[Any, Any]") -> pa.Table:
    columns = []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        array = pa.concat_arrays(column.chunks) if field.type == TOKEN else column
        if field.type == TOKEN:
            valid, data = array.buffers()
            here = np.frombuffer(data, np.uint8)[: 16 * (len(array) + array.offset)].reshape(-1, 16) ^ change
            array = pa.FixedSizeBinaryArray.from_buffers(
                TOKEN, len(array), [valid, pa.py_buffer(here)], offset=array.offset
            )
        columns.append(array)
    return pa.table(columns, schema=rows.schema)


def several(tables: Tables, every: int) -> Tables:
    """What comes again in a later parcel: every so manieth record, every fifth of them deleted. No patient is."""
    found = {}
    for table, rows in tables.items():
        if table != "patient" and has_patient(table):
            some = rows.take(pa.array(np.arange(7, rows.num_rows, every)))
            deleted = pa.array(np.arange(some.num_rows) % (DELETED // AGAIN) == 0)
            found[table] = some.set_column(
                some.column_names.index("is_deleted"), some.schema.field("is_deleted"), deleted
            )
    return found


def code_of(number: int) -> str:
    return f"B{number:05d}"


def stream(rows: pa.Table, practice_code: str, parcel_number: int, *, may_replace: bool) -> Iterator[bytes]:
    """A table's rows as the loader sends them, without what begins and ends a COPY; an encoder's header is a caller's."""
    count = rows.num_rows
    marks = pa.repeat(True, count) if may_replace else pc.if_else(rows["is_deleted"], True, pa.scalar(None, pa.bool_()))
    whole = rows.append_column("practice_code", pa.repeat(practice_code, count))
    whole = whole.append_column("parcel_number", pa.repeat(pa.scalar(parcel_number, pa.int64()), count))
    whole = whole.append_column("may_replace", marks)
    encoder = ArrowToPostgresBinaryEncoder(whole.schema)
    yield encoder.write_header()
    for batch in whole.to_batches(max_chunksize=ROWS_SENT_AT_ONCE):
        yield encoder.write_batch(batch)
    yield encoder.finish()


HEADER_BYTES, TRAILER_BYTES = 19, 2
COPY = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY{})")


def copy_statement(table: str, names: list[str], *, schema: str = "records", freeze: bool = False) -> sql.Composed:
    columns = sql.SQL(", ").join(map(sql.Identifier, [*names, "practice_code", "parcel_number", "may_replace"]))
    return COPY.format(sql.Identifier(schema, table), columns, sql.SQL(", FREEZE" if freeze else ""))


def fill(url: str, root: Path, practice: Tables, practices: int) -> int:
    """Makes a store and fills it, partition by partition, frozen; its indexes are built afterwards. Answers its rows."""
    with store_of(url) as store:
        prepare(store)
        numbers = _parcels(store, root, practices)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        indexes = [row[0].replace(" ON ONLY ", " ON ") for row in connection.execute(_INDEXES)]
        for name, _ in connection.execute(_INDEX_NAMES).fetchall():
            connection.execute(sql.SQL("DROP INDEX records.{}").format(sql.Identifier(name)))
        rows = sum(_fill_leaf(connection, practice, numbers, leaf) for leaf in _leaves(connection, len(numbers)))
        connection.execute("SET maintenance_work_mem = '512MB'")
        for each in indexes:
            connection.execute(each)
        connection.execute("ANALYZE")
        connection.execute("VACUUM (INDEX_CLEANUP off)")
        connection.execute("CHECKPOINT")
    return rows


_OURS = """FROM pg_index JOIN pg_class AS made ON made.oid = indexrelid JOIN pg_class AS of ON of.oid = indrelid
WHERE of.relnamespace = 'records'::regnamespace AND of.relkind = 'p'"""
_INDEXES = f"SELECT pg_get_indexdef(indexrelid) {_OURS}"
_INDEX_NAMES = f"SELECT made.relname, of.relname {_OURS}"


def _parcels(store: Any, root: Path, practices: int) -> dict[str, tuple[int, int, int]]:
    """Two parcels of each practice in the ledger; the practice's own number and those of its parcels, by its code."""
    from support.parcels import Keys, seal

    signer, numbers = Keys(root / "keys-of-drafts").make(), {}
    with transaction(store, "fill") as connection:
        for number in range(practices):
            entered = []
            for sequence in (1, 2):
                day = datetime.now(UTC) - timedelta(days=30 - sequence)
                draft = seal(root / "drafts", signer, {}, practice_code=code_of(number), sequence=sequence,
                             extract_taken_at=day.replace(microsecond=0).isoformat()).manifest  # fmt: skip
                ledger.enter(connection, draft, state="loaded")
                entered.append(ledger.entry(connection, draft.parcel_id).parcel_number)
            numbers[code_of(number)] = (number, *entered)
    return numbers


def _leaves(connection: Any, practices: int) -> Iterator[tuple[int, list[str]]]:
    codes = [code_of(number) for number in range(practices)]
    (partitions,) = connection.execute(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'records.patient'::regclass"
    ).fetchone()
    for remainder in range(partitions):
        asked = """SELECT code FROM unnest(%s::text[]) AS code
WHERE satisfies_hash_partition('records.patient'::regclass, %s, %s, code COLLATE "C")"""
        yield remainder, [row[0] for row in connection.execute(asked, (codes, partitions, remainder))]


def _fill_leaf(
    connection: Any, practice: Tables, numbers: dict[str, tuple[int, int, int]], leaf: tuple[int, list[str]]
) -> int:
    remainder, codes = leaf
    own = {code: moved(practice, numbers[code][0]) for code in codes}
    again = {code: several(tables, AGAIN) for code, tables in own.items()}
    rows = 0
    for table, template in practice.items():
        with connection.transaction():
            name = f"{table}_{remainder:02d}"
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier("records", name)))
            for brought, parcel in ((own, 1), (again, 2)):
                for code in codes:
                    if table not in brought[code]:
                        continue
                    with connection.cursor() as cursor:
                        with cursor.copy(copy_statement(name, template.column_names, freeze=True)) as copy:
                            number = numbers[code][parcel]
                            for piece in stream(brought[code][table], code, number, may_replace=parcel == 2):
                                copy.write(piece)
                        rows += cursor.rowcount
    return rows
