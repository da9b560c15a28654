"""The store's roles, until they are made as policy has them."""

from collections.abc import Mapping

from psycopg import sql
from sqlalchemy import Connection, text

from central_zone.store.role_names import OWNER, ROLES


def make_roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Makes what is missing; a role without a password here keeps the one it has."""
    driver = connection.connection.driver_connection
    for role in ROLES:
        if not connection.scalar(text("SELECT to_regrole(:role)"), {"role": role}):
            connection.exec_driver_sql(f"CREATE ROLE {role} {'NOLOGIN' if role == OWNER else 'LOGIN'}")
        if role in passwords and driver is not None:
            verifier = driver.pgconn.encrypt_password(passwords[role].encode(), role.encode(), b"scram-sha-256")
            driver.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
