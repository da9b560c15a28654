"""What a server of the store says of itself to whoever asks; what a role may not see is None, which is not the same as none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

_HBA = "SELECT line_number, type, database, user_name, auth_method, error FROM pg_hba_file_rules ORDER BY 1"
_PASSWORDS = """
    SELECT rolname, CASE WHEN rolpassword IS NULL THEN 'none' WHEN rolpassword LIKE 'SCRAM-SHA-256$%' THEN 'scram' ELSE 'md5' END
    FROM pg_authid WHERE rolcanlogin ORDER BY 1
"""
# A role's or a database's own setting goes before the server's.
_OWN = """
    SELECT coalesce(rolname, 'every role') || ' in ' || coalesce(datname, 'every database'),
           split_part(setting, '=', 1), substr(setting, strpos(setting, '=') + 1)
    FROM pg_db_role_setting LEFT JOIN pg_roles ON pg_roles.oid = setrole LEFT JOIN pg_database ON pg_database.oid = setdatabase,
         unnest(setconfig) AS setting
    WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) ORDER BY 1, 2
"""
_SOURCES_OF_OWN = ("user", "database", "database user")
_NOT_ALLOWED = "42501"


@dataclass(frozen=True, slots=True)
class HbaLine:
    """One line of pg_hba.conf: who may come in, how."""

    number: int
    kind: str
    databases: tuple[str, ...]
    users: tuple[str, ...]
    method: str
    is_broken: bool


@dataclass(frozen=True, slots=True)
class OwnSetting:
    """A setting of one role or database, which goes before the server's."""

    whose: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that the doctor and `store init` judge, read at one moment."""

    user: str
    is_superuser: bool
    version: int
    tls: str | None  # of this very connection; None over a socket, or in clear
    settings: Mapping[str, str] = field(repr=False)
    sees_every_setting: (
        bool  # pg_settings leaves out, in silence, what is for superusers and pg_read_all_settings alone
    )
    on_command_line: frozenset[str]
    waits_for_restart: frozenset[str]
    overridden: frozenset[str]  # for this very connection, by its role or database: what the server has is not seen
    own: tuple[OwnSetting, ...]
    hba: tuple[HbaLine, ...] | None
    passwords: Mapping[str, str] | None  # role that may log in -> scram, md5 or none; never the password
    extensions: frozenset[str]

    @property
    def listens_on_a_network(self) -> bool:
        return bool(self.settings.get("listen_addresses", "").strip())

    def is_unseen(self, setting: str) -> bool:
        """A library's setting, with a dot, is seen by everybody, or is not there."""
        return not self.sees_every_setting and "." not in setting and setting not in self.settings


def read_facts(connection: Connection) -> Facts:
    """Reads them in the connection's transaction, changing nothing."""
    rows = connection.execute(text("SELECT name, setting, source, pending_restart FROM pg_settings")).all()
    user, superuser = connection.execute(text("SELECT current_user::text, current_setting('is_superuser')")).one()
    tls = connection.scalar(text("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"))
    return Facts(
        user=user,
        is_superuser=superuser == "on",
        version=int(next(row.setting for row in rows if row.name == "server_version_num")),
        tls=tls,
        settings={row.name: row.setting or "" for row in rows},
        sees_every_setting=bool(connection.scalar(text("SELECT pg_has_role('pg_read_all_settings', 'USAGE')"))),
        on_command_line=frozenset(row.name for row in rows if row.source in ("command line", "environment variable")),
        waits_for_restart=frozenset(row.name for row in rows if row.pending_restart),
        overridden=frozenset(row.name for row in rows if row.source in _SOURCES_OF_OWN),
        own=tuple(OwnSetting(*row) for row in connection.execute(text(_OWN))),
        hba=_hba(connection),
        passwords=_passwords(connection),
        extensions=frozenset(connection.scalars(text("SELECT extname FROM pg_extension"))),
    )


def _hba(connection: Connection) -> tuple[HbaLine, ...] | None:
    rows = _allowed(connection, _HBA)
    if rows is None:
        return None
    return tuple(
        HbaLine(
            row.line_number, row.type or "", tuple(row.database or ()), tuple(row.user_name or ()),
            row.auth_method or "", row.error is not None,
        )
        for row in rows
    )  # fmt: skip


def _passwords(connection: Connection) -> dict[str, str] | None:
    rows = _allowed(connection, _PASSWORDS)
    return None if rows is None else {row[0]: row[1] for row in rows}


def _allowed(connection: Connection, query: str) -> list | None:  # type: ignore[type-arg]  # rows have no type of their own
    """The rows, or None where this role may not see them."""
    try:
        with connection.begin_nested():
            return list(connection.execute(text(query)).all())
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_ALLOWED:
            raise
        return None
