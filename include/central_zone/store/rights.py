"""The rights of the store's roles."""

from sqlalchemy import Connection

from key_custody.whereabouts.verdict import Verdict


def apply_rights(connection: Connection) -> None:
    """Gives each role its rights, and takes every other away."""


def check_rights(connection: Connection) -> list[Verdict]:
    """Where the catalogue differs from policy."""
    return []
