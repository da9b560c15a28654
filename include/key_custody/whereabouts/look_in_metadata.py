"""A process of its own that looks for needles in Airflow's metadata: told on standard input, and never by argv.

Every column of every table is searched as it is stored. What Airflow encrypted there, with its Fernet key (connections and
variables), is decrypted and searched as well.
"""

import base64
import json
import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import psycopg
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from psycopg import sql

from key_custody.whereabouts.verdict import NOT_LOOKED_AT, OK, WRONG
from leak_search.findings import Findings
from leak_search.needles import Needle
from leak_search.parts import NotReadable, Readable
from leak_search.postgres import Database, withdraw_rows
from leak_search.search import search
from leak_search.surfaces import Piece, of_bytes

_STORED, _DECRYPTED = "metadata as stored", "metadata decrypted"
_BEGINNING = "gAAAA"  # of everything that Fernet ever encrypted in our time
_TEXT_COLUMNS = """
    SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns AS c
    JOIN information_schema.tables AS t USING (table_schema, table_name)
    WHERE c.data_type IN ('text', 'character varying') AND t.table_type = 'BASE TABLE'
    AND c.table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2, 3"""


@dataclass(slots=True)
class Decrypted:
    """What is encrypted under Airflow's Fernet key, opened. A value under another key counts as unread."""

    name: str
    url: str = field(repr=False)
    fernet: MultiFernet = field(repr=False)
    _schema: str = ""

    def plant(self, control: str) -> set[str]:
        self._schema = f"leak_search_{secrets.token_hex(8)}"
        schema = sql.Identifier(self._schema)
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
            connection.execute(sql.SQL("CREATE TABLE {}.planted (control text)").format(schema))
            insert = sql.SQL("INSERT INTO {}.planted VALUES (%s)").format(schema)
            connection.execute(insert, [self.fernet.encrypt(control.encode()).decode()])
        return {_DECRYPTED}

    def pieces(self) -> Iterator[Piece]:
        for schema, table, column, value in encrypted_values(self.url):
            place = f"{schema}.{table}.{column}"
            is_control = schema == self._schema
            yield Piece(kind=_DECRYPTED, place=place, open=partial(self._opened, value), is_control=is_control)

    def withdraw(self) -> None:
        withdraw_rows(self.url, self._schema)

    def _opened(self, value: str) -> Readable:
        try:
            return of_bytes(self.fernet.decrypt(value.encode()))()
        except InvalidToken:
            raise NotReadable from None


def encrypted_values(url: str) -> Iterator[tuple[str, str, str, str]]:
    with psycopg.connect(url, autocommit=True) as connection:
        for schema, table, column in connection.execute(_TEXT_COLUMNS).fetchall():
            query = sql.SQL("SELECT {0} FROM {1} WHERE {0} LIKE %s").format(
                sql.Identifier(column), sql.Identifier(schema, table)
            )
            for (value,) in connection.execute(query, [f"{_BEGINNING}%"]).fetchall():
                yield schema, table, column, value


def look(url: str, fernet_keys: list[str], needles: list[Needle]) -> list[tuple[str, str]]:
    """What is to be said, as (verdict, why)."""
    encrypted = sum(1 for _ in encrypted_values(url))
    surfaces: list[Database | Decrypted] = [Database(_STORED, url)]
    said: list[tuple[str, str]] = []
    if encrypted and fernet_keys:
        surfaces.append(Decrypted(_DECRYPTED, url, MultiFernet([Fernet(key) for key in fernet_keys])))
    elif encrypted:
        why = f"{encrypted} values are encrypted. Give Airflow's key with --fernet-key-file."
        said.append((NOT_LOOKED_AT, why))
    return [*said, *_said(search(needles, surfaces), encrypted)]


def _said(found: Findings, encrypted: int) -> list[tuple[str, str]]:
    said = [
        (WRONG, f"{hit.label} ({hit.encoding}) in {hit.place}. Take it out, and rotate that key.") for hit in found.hits
    ]
    said += [(NOT_LOOKED_AT, f"{name}: {why}.") for name, reasons in found.unsearched.items() for why in reasons]
    unread = [each.place for each in found.unread if not each.place.startswith("pg_catalog.")]
    if unread:
        said.append((NOT_LOOKED_AT, f"{len(unread)} tables or values cannot be read, the first {unread[0]}."))
    much = found.searched[_STORED]
    fine = (
        f"no key in {much.pieces} pieces, {much.bytes:,} bytes, {encrypted} encrypted values; the controls were found"
    )
    return said or [(OK, fine)]


def main() -> int:
    """Exit code 0 whatever is found: what it says is its answer. A failure is told by its kind alone."""
    asked = json.load(sys.stdin)
    needles = [
        Needle(label=label, encoding=encoding, pattern=base64.b64decode(pattern))
        for label, encoding, pattern in asked["needles"]
    ]
    try:
        said = look(asked["url"], asked["fernet_keys"], needles)
    except Exception as error:  # a driver's words may quote the address, with its password
        said = [(NOT_LOOKED_AT, f"it could not be searched to its end ({type(error).__name__}). Look at its address.")]
    sys.stdout.write(json.dumps({"said": said}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
