"""Whoever is erased also leaves what was released: every table of schema `release` that holds people's tokens."""

import pyarrow as pa
from sqlalchemy import ARRAY, Connection, Uuid, bindparam, text

from central_zone.erasures.marks import uuids
from central_zone.erasures.release_tokens import tokens_in
from central_zone.zone import Zone

_TABLES = """
SELECT c.relname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relnamespace = 'release'::regnamespace AND c.relkind IN ('r', 'p') AND a.attname = 'patient_token' ORDER BY 1
"""


def erase_from_release(zone: Zone, connection: Connection, patient_tokens: pa.Array) -> int:
    """Deletes these people, given as tokens T2, and answers how many rows; in the caller's transaction.

    Tables are found in the catalogue, so that one which is added later cannot be forgotten; nor one that we may not touch,
    which the information schema would hide.
    """
    if not len(patient_tokens):
        return 0
    return sum(
        _erase(connection, table, tokens_in(zone, connection, table, patient_tokens))
        for table in connection.scalars(text(_TABLES)).all()
    )


def _erase(connection: Connection, table: str, tokens: pa.Array) -> int:
    name = connection.dialect.identifier_preparer.quote(table)
    statement = text(f"DELETE FROM release.{name} WHERE patient_token = ANY(:tokens)")  # noqa: S608 (from the catalogue)
    wanted = bindparam("tokens", uuids(tokens), type_=ARRAY(Uuid()))
    return connection.execute(statement.bindparams(wanted)).rowcount
