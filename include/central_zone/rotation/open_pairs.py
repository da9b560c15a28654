"""While a rotation is open: the token that stands in the store today for one that was made under an older key.

The first bridge that names a person moves them at every practice. What comes later under an older key is mapped here, so a
person has one token at every moment. Where no rotation is open, nothing is looked up.
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import ARRAY, Connection, Uuid, any_, exists, literal, select

from central_zone.erasures.marks import TOKEN, tokens_of, uuids
from central_zone.errors import ParcelRefused
from central_zone.rotation.practice_keys import key_of, version_of
from central_zone.store.connection import transaction
from central_zone.store.rotation_tables import pair
from central_zone.zone import Zone
from crossing.manifest import Manifest


def is_open(connection: Connection, collection: str) -> bool:
    return bool(connection.scalar(select(exists().where(pair.c.collection == collection))))


def present(connection: Connection, collection: str, tokens: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The tokens (T2), each in today's place; NULL stays NULL. Those that no bridge named stay as they are."""
    if not len(tokens) or not is_open(connection, collection):
        return tokens
    old, new = _pairs(connection, collection, tokens)
    if not len(old):
        return tokens
    replaced = new.take(pc.index_in(tokens, value_set=old, skip_nulls=True))
    return pc.coalesce(replaced, tokens)


def _pairs(connection: Connection, collection: str, tokens: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    asked = literal(uuids(pc.unique(tokens)), ARRAY(Uuid()))
    wanted = (pair.c.collection == collection, pair.c.old_token == any_(asked))
    rows = connection.execute(select(pair.c.old_token, pair.c.new_token).where(*wanted)).all()
    return tokens_of(row.old_token for row in rows), tokens_of(row.new_token for row in rows)


def present_in(zone: Zone, collection: str, tokens: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The same in a transaction of its own."""
    with transaction(zone.store, "look for tokens of an older key") as connection:
        return present(connection, collection, tokens)


def with_present_persons(
    connection: Connection, collection: str, tables: Mapping[str, pa.Table]
) -> dict[str, pa.Table]:
    """Tables of a parcel, its people under the tokens they have today. Only a patient row names a person."""
    if not is_open(connection, collection):
        return dict(tables)
    return {table: _with_present(connection, collection, rows, "patient_token") for table, rows in tables.items()}


def with_present_people(connection: Connection, manifest: Manifest, rows: pa.Table) -> pa.Table:
    """A notice's people likewise, and their registrations: its practice may have gone over since it was made.

    Raises ParcelRefused where it has, and no bridge named one of them: the word would reach nobody.
    """
    here = key_of(connection, manifest.collection, manifest.practice_code)
    if here and version_of(manifest.token_key) < version_of(here) and "registration_token" in rows.column_names:
        asked = pc.unique(rows["registration_token"])
        unnamed = len(asked) - len(_pairs(connection, manifest.collection, asked)[0])
        if unnamed:
            raise ParcelRefused(
                f"{manifest.practice_code}, {manifest.extract_kind} {manifest.sequence}: it is under {manifest.token_key}, and of "
                f"{unnamed} of its people the bridge to {here} says nothing. Have the source make it again."
            )
    for name in ("registration_token", "patient_token"):
        rows = _with_present(connection, manifest.collection, rows, name)
    return rows


def _with_present(connection: Connection, collection: str, rows: pa.Table, name: str) -> pa.Table:
    if name not in rows.column_names:
        return rows
    tokens = present(connection, collection, rows[name])
    return rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), tokens)


def also_former(connection: Connection, collection: str, tokens: pa.Array) -> pa.Array:
    """These tokens and those they took the place of: for a search in what was staged before."""
    if not len(tokens) or not is_open(connection, collection):
        return tokens
    asked = literal(uuids(tokens), ARRAY(Uuid()))
    former = connection.scalars(
        select(pair.c.old_token).where(pair.c.collection == collection, pair.c.new_token == any_(asked))
    )
    return pa.concat_arrays([tokens.cast(TOKEN), tokens_of(former)])
