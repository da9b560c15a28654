"""A central zone in a temporary folder, with a store of its own on a real PostgreSQL."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from central_zone.settings import Settings
from support.parcels import Keys, Sealed, seal
from support.postgres import Postgres, a_server, psycopg_url


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@dataclass(frozen=True, slots=True)
class CentralZone:
    """Everything a load needs, under one folder."""

    root: Path
    keys: Keys
    settings: Settings

    def sealed(self, tables: dict[str, pa.Table], **how: Any) -> Sealed:
        return seal(self.settings.inbox_folder, self.keys, tables, **how)

    def query(self, sql: str, *values: object, before: str = "SELECT") -> list[tuple[Any, ...]]:
        with psycopg.connect(psycopg_url(self.settings.store_url), autocommit=True) as connection:
            connection.execute(before)
            return connection.execute(sql, values or None).fetchall()

    def execute(self, sql: str) -> None:
        with psycopg.connect(psycopg_url(self.settings.store_url), autocommit=True) as connection:
            connection.execute(sql)

    def state(self, parcel: Sealed) -> str | None:
        found = self.query("SELECT state FROM ledger.parcel WHERE parcel_id = %s", parcel.manifest.parcel_id)
        return found[0][0] if found else None

    def environment(self) -> dict[str, str]:
        return dict(self.settings.values)


@pytest.fixture
def zone(tmp_path: Path, postgres: Postgres) -> CentralZone:
    folders = {
        "GP_INBOX_DIR": "inbox",
        "GP_CENTRAL_WORK_DIR": "work",
        "GP_RECEIPTS_DIR": "receipts",
        "GP_ERASURE_JOURNAL_DIR": "journal",
    }
    values = {name: str(tmp_path / folder) for name, folder in folders.items()}
    keys = Keys(tmp_path / "keys").make()
    (tmp_path / "inbox").mkdir()
    (tmp_path / "journal").mkdir()
    settings = Settings({**values, "GP_CENTRAL_KEYS_DIR": str(keys.folder), "GP_STORE_URL": postgres.a_store()})
    return CentralZone(tmp_path, keys, settings)
