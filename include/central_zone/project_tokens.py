"""From the store's token (T2) to one project's own (T3). Only T3 is ever released, so two projects cannot join their rows.

T3 is the first 128 bits of HMAC-SHA-256 over the 32 hexadecimal characters of T2, the key being the 64 hexadecimal
characters of HKDF-SHA-256(store key, no salt, info = the label `gp-collect|project|<data use>|v<version>`, 32 bytes).
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ColumnElement, Connection, Table, Uuid, func, literal_column, select, union

from central_zone.current_records import analyse, temporary
from central_zone.load import ROWS_SENT_AT_ONCE, copy_rows
from central_zone.tokens import as_hex
from crossing.canonical import TOKEN_BYTES
from crossing.tokens import keyed_tokens

TOKENS_AT_ONCE = 250_000
_TOKEN = pa.binary(TOKEN_BYTES)


def project_tokens(connection: Connection, name: str, columns: list[ColumnElement[Any]], subkey: bytes) -> Table:
    """A temporary table of T2 and T3, each distinct token of `columns` once. Never kept: it would undo the tokens."""
    made = temporary(connection, name, {"stored": Uuid(), "released": Uuid()})
    for stored in _distinct(connection, columns):  # a COPY for each lot: during one, the next lot could not be fetched
        batches = _with_project_tokens(stored, subkey).to_batches(max_chunksize=ROWS_SENT_AT_ONCE)
        copy_rows(connection, ("pg_temp", name), batches)
    analyse(connection, made)
    return made


def stored_tokens(
    connection: Connection, columns: list[ColumnElement[Any]], subkey: bytes, released: pa.Array
) -> dict[bytes, bytes]:
    """The way back, for a few: which T2 of `columns` each of these T3 was made of. Every token is hashed again, none kept."""
    found: dict[bytes, bytes] = {}
    for stored in _distinct(connection, columns):
        made = _with_project_tokens(stored, subkey)
        pairs = made.filter(pc.is_in(made["released"], value_set=released))
        found |= dict(zip(pairs["released"].to_pylist(), pairs["stored"].to_pylist(), strict=True))
    return found


def _with_project_tokens(stored: pa.Array, subkey: bytes) -> pa.Table:
    return pa.table({"stored": stored, "released": keyed_tokens(as_hex(stored), subkey)})


def _distinct(connection: Connection, columns: list[ColumnElement[Any]]) -> Iterator[pa.Array]:
    """Many tokens to one cell: read one by one, a million of them would take seconds and become objects.

    A union of one select removes no repeats, so each select does: with a token twice, a person's rows would double.
    """
    every = union(
        *(select(column.label("token")).where(column.is_not(None)).distinct() for column in columns)
    ).subquery()
    numbered = select(every.c.token, ((func.row_number().over() - 1) // TOKENS_AT_ONCE).label("lot")).subquery()
    lots = (
        select(func.string_agg(func.uuid_send(numbered.c.token), literal_column("''::bytea")))
        .group_by(numbered.c.lot)
        .execution_options(stream_results=True, max_row_buffer=1)
    )
    with connection.execute(lots) as rows:
        for (data,) in rows:
            yield pa.FixedSizeBinaryArray.from_buffers(_TOKEN, len(data) // TOKEN_BYTES, [None, pa.py_buffer(data)])
