"""Roles, tables, rights, in the order that works: a store that is ready to be worked with. As a superuser; safe to run again."""

from collections.abc import Mapping
from types import MappingProxyType

from sqlalchemy import Engine

from central_zone.store.connection import transaction
from central_zone.store.migrate import migrate
from central_zone.store.rights import apply_rights
from central_zone.store.roles import make_roles

NO_PASSWORDS: Mapping[str, str] = MappingProxyType({})


def prepare(store: Engine, passwords: Mapping[str, str] = NO_PASSWORDS, *, partitions: int | None = None) -> bool:
    """Answers whether a migration was missing. Raises StoreDown or StoreRefused."""
    with transaction(store, "make the store's roles") as connection:
        make_roles(connection, passwords)
    migrated = migrate(store, partitions=partitions)
    with transaction(store, "give the store's rights") as connection:
        apply_rights(connection)
    return migrated
