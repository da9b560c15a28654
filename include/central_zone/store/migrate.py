"""Brings a store to this version of the software. Safe to run again, and by two people at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from central_zone.store.comment import comment
from central_zone.store.connection import transaction
from central_zone.store.rights import take_over
from central_zone.store.role_names import OWNER
from central_zone.store.roles import are_made

_MIGRATIONS = Path(__file__).parent / "migrations"
VERSION_SCHEMA = "ledger"


def migrate(store: Engine, *, partitions: int | None = None) -> bool:
    """Applies what is missing, in one transaction. Answers whether anything was. Raises StoreDown or StoreRefused.

    How many `partitions` each table of records has is chosen when a store is first made, and never heard afterwards.
    """
    with transaction(store, "migrate") as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('gp-collect migrate', 0))"))
        _act_as_owner(connection)
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {VERSION_SCHEMA}"))
        before = version(connection)
        config = _config(connection, partitions)
        if before == ScriptDirectory.from_config(config).get_current_head():
            return False
        command.upgrade(config, "head")
        comment(connection)
        return True


def _act_as_owner(connection: Connection) -> None:
    """What is made belongs to the owner from the beginning; where the roles are not made yet, `gp-central store init` sees to it.

    Rows that policies would hide from the owner are an error, not rows that a migration leaves out.
    """
    if are_made(connection):
        take_over(connection)
        connection.execute(text("SET LOCAL row_security = off"))
        connection.execute(text(f"SET LOCAL ROLE {OWNER}"))


def version(connection: Connection) -> str | None:
    """The version the store is at, None for an empty one."""
    return MigrationContext.configure(connection, opts={"version_table_schema": VERSION_SCHEMA}).get_current_revision()


def _config(connection: Connection, partitions: int | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["partitions"] = partitions
    return config
