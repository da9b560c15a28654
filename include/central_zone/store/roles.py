"""The store's roles."""

from collections.abc import Mapping

from sqlalchemy import Connection


def make_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Makes what is missing; a role without a password here keeps the one it has."""
