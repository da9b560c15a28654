"""Brings a store to this version of the software. Safe to run again, and by two people at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from central_zone.store.comment import comment
from central_zone.store.connection import transaction

_MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_SCHEMA = "ledger"


def migrate(store: Engine) -> bool:
    """Applies what is missing, in one transaction. Answers whether anything was. Raises StoreDown or StoreRefused."""
    with transaction(store, "migrate") as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect migrate', 0))"))
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
        before = version(connection)
        config = _config(connection)
        if before == ScriptDirectory.from_config(config).get_current_head():
            return False
        command.upgrade(config, "head")
        comment(connection)
        return True


def version(connection: Connection) -> str | None:
    """The version the store is at, None for an empty one."""
    return MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA}).get_current_revision()


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
