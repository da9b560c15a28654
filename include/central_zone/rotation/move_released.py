"""What was released keeps its people: in every table of a release, the project's token of the old token becomes that of the new."""

import pyarrow as pa
from sqlalchemy import Connection, select, text

from central_zone import keys
from central_zone.load import ROWS_SENT_AT_ONCE, copy_rows
from central_zone.materialise import SCHEMA, name_of_released
from central_zone.rotation.pairs import Bridge
from central_zone.store.release_tables import disclosure, released_table
from central_zone.tokens import as_hex
from central_zone.zone import Zone
from crossing.tokens import keyed_tokens

_TEMPORARY = "CREATE TEMPORARY TABLE {name} (old_token UUID, new_token UUID) ON COMMIT DROP"
_COLUMNS = """
SELECT a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = to_regnamespace(:schema) AND c.relname = :table AND a.atttypid = 'uuid'::regtype AND a.attnum > 0 ORDER BY 1
"""
_MOVE = "UPDATE {table} AS r SET {column} = b.new_token FROM pg_temp.{pairs} AS b WHERE r.{column} = b.old_token"


def move_released(zone: Zone, connection: Connection, bridge: Bridge) -> int:
    """Answers how many cells changed. Where nothing of the collection is released, nothing is hashed."""
    of_collection = disclosure.c.collection == bridge.manifest.collection
    tables = connection.execute(
        select(released_table)
        .join(disclosure, disclosure.c.disclosure_id == released_table.c.disclosure_id)
        .where(of_collection)
    ).all()
    labels = sorted({keys.project_label(row.use_id, row.project_key_version) for row in tables})
    pairs = {label: f"bridge_of_project_{number}" for number, label in enumerate(labels)}
    # As the store has them now: a person's new token may be of a still newer key.
    stored = _stored(connection) if labels else None
    for label, name in pairs.items():
        _lay_out(connection, name, stored, keys.project_subkey(zone.settings.keys_folder, label))
    return sum(
        _move(connection, name_of_released(row.use_id, row.table_name), pairs[keys.project_label(*_key(row))])
        for row in tables
    )


def _key(row: object) -> tuple[str, int]:
    return row.use_id, row.project_key_version  # type: ignore[attr-defined]  # a row of released_table


def _stored(connection: Connection) -> pa.Table:
    rows = connection.execute(text("SELECT uuid_send(old_token), uuid_send(new_token) FROM pg_temp.bridge")).all()
    columns = zip(*rows, strict=True) if rows else ((), ())
    return pa.table(
        {name: pa.array(c, pa.binary(16)) for name, c in zip(("old_token", "new_token"), columns, strict=True)}
    )


def _lay_out(connection: Connection, name: str, stored: pa.Table | None, subkey: bytes) -> None:
    connection.execute(text(_TEMPORARY.format(name=name)))
    if stored is None:
        return
    released = pa.table({column: keyed_tokens(as_hex(stored[column]), subkey) for column in stored.column_names})
    copy_rows(connection, ("pg_temp", name), released.to_batches(max_chunksize=ROWS_SENT_AT_ONCE))
    connection.execute(text(f"ANALYZE pg_temp.{name}"))


def _move(connection: Connection, table: str, pairs: str) -> int:
    columns = connection.scalars(text(_COLUMNS), {"schema": SCHEMA, "table": table}).all()
    quote = connection.dialect.identifier_preparer.quote
    statements = [
        _MOVE.format(table=f"{SCHEMA}.{quote(table)}", column=quote(column), pairs=pairs) for column in columns
    ]
    return sum(connection.execute(text(statement)).rowcount for statement in statements)
