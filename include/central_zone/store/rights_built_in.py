"""What PostgreSQL lets everybody do in any database, and not in this one: make large objects, take locks by number, run code.

A large object outlives the last day of whoever made it, and no erasure finds it. Loads, erasures and the audit chain queue for
locks by number: whoever may take one can hold all of them up, and a session that does nothing is ended by no time limit.
Code in a language of the server's (DO) can write what it has read into the server's log.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, text

from central_zone.store.rights_file import FUNCTION, LANGUAGE
from central_zone.store.rights_found import EVERYBODY, Grant
from central_zone.store.role_names import ANALYST, OWNER, ROLES

_FOR_NOBODY = ("lo_creat", "lo_create", "lo_from_bytea", "lo_import", "lo_export")
_BY_NUMBER = "pg_(try_)?advisory_(xact_)?lock(_shared)?"
# Those that our software takes. A trigger of the owner's takes one too.
_TAKEN = ("pg_catalog.pg_advisory_xact_lock(bigint)", "pg_catalog.pg_advisory_xact_lock_shared(bigint)")
_FOUND = text("""
SELECT called, CASE WHEN grantee = 0 THEN :everybody ELSE pg_get_userbyid(grantee) END, is_grantable FROM (
  SELECT 'pg_catalog.' || proname || '(' || oidvectortypes(proargtypes) || ')' AS called, proowner,
    (aclexplode(coalesce(proacl, acldefault('f', proowner)))).*
  FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND (proname = ANY(:names) OR proname ~ ('^(' || :by_number || ')$'))
) AS granted WHERE grantee <> proowner
""")
# The owner never signs in; as it, a migration makes the store's own functions.
_LANGUAGES_OF_OURS = ("plpgsql", "sql")
_LANGUAGES = text("""
SELECT lanname, CASE WHEN grantee = 0 THEN :everybody ELSE pg_get_userbyid(grantee) END, is_grantable FROM (
  SELECT lanname, lanowner, (aclexplode(coalesce(lanacl, acldefault('l', lanowner)))).* FROM pg_language WHERE lanpltrusted
) AS granted WHERE grantee <> lanowner
""")


def found_built_in(connection: Connection) -> set[Grant]:
    """Who may do so in this database."""
    asked = {"names": list(_FOR_NOBODY), "by_number": _BY_NUMBER, "everybody": EVERYBODY}
    found = {_may(name, role, may_hand_on=on) for name, role, on in connection.execute(_FOUND, asked)}
    languages = connection.execute(_LANGUAGES, {"everybody": EVERYBODY})
    return found | {
        Grant(kind=LANGUAGE, name=name, column="", role=role, right="USAGE", may_hand_on=on)
        for name, role, on in languages
    }


def wanted_built_in() -> set[Grant]:
    return set(_wanted())


def _wanted() -> Iterator[Grant]:
    for language in _LANGUAGES_OF_OURS:
        yield Grant(kind=LANGUAGE, name=language, column="", role=OWNER, right="USAGE", may_hand_on=False)
    for name in _TAKEN:
        for role in ROLES:
            if role != ANALYST:
                yield _may(name, role)


def _may(name: str, role: str, *, may_hand_on: bool = False) -> Grant:
    return Grant(kind=FUNCTION, name=name, column="", role=role, right="EXECUTE", may_hand_on=may_hand_on)
