"""The store's roles."""

from collections.abc import Mapping

from sqlalchemy import Connection

LOGINS: tuple[str, ...] = ()


def make_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Makes what is missing; `passwords` are SCRAM verifiers."""
