"""Erase people from everything that was released, and from the lists of who may be. Called inside an erasure's transaction."""

from collections.abc import Iterable
from pathlib import Path
from uuid import UUID

from sqlalchemy import ARRAY, Column, ColumnElement, Connection, MetaData, Table, Uuid, any_, delete, literal, select

from central_zone import keys
from central_zone.materialise import PERSON, SCHEMA, name_of_released
from central_zone.project_tokens import project_tokens_of
from central_zone.release_locks import keep_releases_out
from central_zone.store.release_tables import national_allow_list, released_table
from crossing.canonical import has_patient


def erase_from_release(connection: Connection, patient_tokens_t2: Iterable[UUID], keys_folder: Path) -> dict[str, int]:
    """Deletes every row of these people, under every project's own tokens; rows by table. Raises KeyRefused.

    Call it before the erasure deletes from the records, or after: in either order nothing comes back, because no release
    runs from here until the caller's transaction ends.
    """
    keep_releases_out(connection)
    people = list(dict.fromkeys(patient_tokens_t2))
    allowed = delete(national_allow_list).where(_is_one_of(national_allow_list.c.patient_token, people))
    erased = {"release.national_allow_list": connection.execute(allowed).rowcount}
    for row in connection.execute(
        select(released_table).order_by(released_table.c.use_id, released_table.c.table_name)
    ):
        if has_patient(row.table_name):
            label = keys.project_label(row.use_id, row.project_key_version)
            tokens = project_tokens_of(people, keys.project_subkey(keys_folder, label))
            name = name_of_released(row.use_id, row.table_name)
            released = Table(name, MetaData(), Column(PERSON, Uuid), schema=SCHEMA)
            gone = connection.execute(delete(released).where(_is_one_of(released.c[PERSON], tokens))).rowcount
            erased[f"{SCHEMA}.{name}"] = gone
    return erased


def _is_one_of(column: ColumnElement[UUID], tokens: list[UUID]) -> ColumnElement[bool]:
    return column == any_(literal(tokens, ARRAY(Uuid())))
