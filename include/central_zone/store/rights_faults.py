"""Whatever of a store's roles, rights, policies and owners is not as policy/store_rights.toml has it. Names only.

Rights are looked at twice: as they were granted, and as PostgreSQL decides when it is asked (has_table_privilege and its
kin), which knows of memberships and of everybody's rights too.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, text

from central_zone.store.rights_built_in import found_built_in, wanted_built_in
from central_zone.store.rights_file import FUNCTION, RELEASED, RELEASED_VIEW, SEQUENCE, TABLE, VIEW, Rights
from central_zone.store.rights_found import (
    COUNTER,
    PARTITION,
    Found,
    Grant,
    grants_found,
    objects_found,
    policies_found,
)
from central_zone.store.rights_wanted import grants_wanted, must_be_guarded, owner_of
from central_zone.store.role_names import ROLES
from central_zone.store.roles import faults_of_roles
from central_zone.store.row_policies import policies_wanted

_KINDS = (TABLE, VIEW, RELEASED, RELEASED_VIEW, PARTITION, SEQUENCE, COUNTER, FUNCTION)
_AS_A_VIEW_IS = {"security_invoker=true", "security_barrier=true"}
_FIXED_PATH = "search_path=pg_catalog, pg_temp"
_DEFAULTS = """
SELECT coalesce(n.nspname, 'every schema'), pg_get_userbyid(d.defaclrole) FROM pg_default_acl AS d
LEFT JOIN pg_namespace AS n ON n.oid = d.defaclnamespace ORDER BY 1, 2
"""
# Each role and right of each table, sequence, schema and function, as the server itself decides it.
_EFFECTIVE = """
WITH roles AS (SELECT oid, rolname FROM pg_roles WHERE rolname = ANY(:roles)), ours AS (
  SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
), relations AS (
  SELECT c.oid, n.nspname || '.' || c.relname AS name, c.relkind, c.relispartition
  FROM pg_class AS c JOIN ours AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'S')
), rights AS (
  SELECT unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']
    || CASE WHEN current_setting('server_version_num')::int >= 170000 THEN ARRAY['MAINTAIN'] ELSE '{}' END) AS word
)
SELECT r.name, o.rolname, w.word FROM relations AS r, roles AS o, rights AS w
WHERE r.relkind <> 'S' AND NOT r.relispartition AND has_table_privilege(o.oid, r.oid, w.word)
UNION ALL SELECT r.name, o.rolname, 'anything' FROM relations AS r, roles AS o, (SELECT string_agg(word, ',') AS words FROM rights) AS w
WHERE r.relispartition AND has_table_privilege(o.oid, r.oid, w.words)
UNION ALL SELECT r.name, o.rolname, w FROM relations AS r, roles AS o, unnest(ARRAY['USAGE', 'SELECT', 'UPDATE']) AS w
WHERE r.relkind = 'S' AND CASE WHEN r.relkind = 'S' THEN has_sequence_privilege(o.oid, r.oid, w) END
UNION ALL SELECT n.nspname, o.rolname, w FROM ours AS n, roles AS o, unnest(ARRAY['USAGE', 'CREATE']) AS w
WHERE has_schema_privilege(o.oid, n.oid, w)
UNION ALL SELECT current_database(), o.rolname, w FROM roles AS o, unnest(ARRAY['CONNECT', 'TEMP', 'CREATE']) AS w
WHERE has_database_privilege(o.oid, current_database(), w)
UNION ALL SELECT n.nspname || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', o.rolname, 'EXECUTE'
FROM pg_proc AS p JOIN ours AS n ON n.oid = p.pronamespace, roles AS o WHERE has_function_privilege(o.oid, p.oid, 'EXECUTE')
"""


@dataclass(frozen=True, slots=True)
class Fault:
    subject: str
    what: str


def faults(connection: Connection, rights: Rights) -> Iterator[Fault]:
    objects = objects_found(connection)
    for fault in faults_of_roles(connection, rights):
        yield Fault("roles", f"{fault.role}: {fault.why}")
    yield from _of_objects(rights, objects)
    yield from _of_grants(connection, rights, objects)
    yield from _of_effect(connection, rights, objects)
    yield from _of_policies(connection, rights, objects)
    for schema, role in connection.execute(text(_DEFAULTS)):
        yield Fault("rights", f"what {role} makes in {schema} is open to somebody from the beginning")


def _of_objects(rights: Rights, objects: list[Found]) -> Iterator[Fault]:
    for found in objects:
        yield from _of_object(rights, found)
        yield from _of_its_kind(found)
    there = {(found.kind, found.name) for found in objects}
    for decided in rights.objects:
        for name in decided.names:
            if (decided.kind, name) not in there:
                yield Fault("objects", f"there is no {decided.kind} {name}")


def _of_object(rights: Rights, found: Found) -> Iterator[Fault]:
    what = f"{found.kind} {found.name}"
    if found.kind not in (PARTITION, COUNTER) and rights.find(found.kind, found.name) is None:
        yield Fault("objects", f"nobody has decided about {what}")
    if found.kind != COUNTER and found.owner != owner_of(rights, found):
        yield Fault("owners", f"{what} belongs to {found.owner}, not to {owner_of(rights, found)}")
    if must_be_guarded(rights, found) and not found.rows_are_guarded:
        yield Fault("row policies", f"the rows of {what} are not guarded, or not from their owner")


def _of_its_kind(found: Found) -> Iterator[Fault]:
    lacking = _AS_A_VIEW_IS - set(found.options)
    if found.kind in (VIEW, RELEASED_VIEW) and lacking:
        yield Fault("views", f"{found.name} may show more than its tables do: it lacks {', '.join(sorted(lacking))}")
    if found.kind == FUNCTION and "security_definer" in found.options and _FIXED_PATH not in found.options:
        yield Fault("functions", f"{found.name} acts as its owner, and looks for names where its caller says")


def _of_grants(connection: Connection, rights: Rights, objects: list[Found]) -> Iterator[Fault]:
    here = grants_found(connection) | found_built_in(connection)
    wanted = grants_wanted(rights, objects) | wanted_built_in()
    for grant in sorted(here - wanted, key=Grant.in_words):
        yield Fault("rights", f"too much: {grant.in_words()}")
    for grant in sorted(wanted - here, key=Grant.in_words):
        yield Fault("rights", f"missing: {grant.in_words()}")


def _of_effect(connection: Connection, rights: Rights, objects: list[Found]) -> Iterator[Fault]:
    """What an owner may do with what is theirs is not asked."""
    owners = {(found.name, found.owner) for found in objects}
    may = {(name, role, word) for name, role, word in connection.execute(text(_EFFECTIVE), {"roles": list(ROLES)})}
    told = {(each.name, each.role, each.right) for each in grants_wanted(rights, objects) if not each.column}
    for name, role, word in sorted(may ^ told):
        if (name, role) not in owners:
            how = "may" if (name, role, word) in may else "may not"
            yield Fault("rights in effect", f"{role} {how} {word} on {name}")


def _of_policies(connection: Connection, rights: Rights, objects: list[Found]) -> Iterator[Fault]:
    here, wanted = policies_found(connection), policies_wanted(rights, objects)
    for policy in sorted(here - wanted, key=lambda each: each.in_words()):
        yield Fault("row policies", f"too much: {policy.in_words()}, for {policy.role}")
    for policy in sorted(wanted - here, key=lambda each: each.in_words()):
        yield Fault("row policies", f"missing: {policy.in_words()}, for {policy.role}")
