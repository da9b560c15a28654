"""Who may do what in the store: the file, the catalogue, and what each role finds when it tries, must be one and the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from central_zone.store import rights
from central_zone.store.connection import store_of
from central_zone.store.rights_file import Rights, read_rights
from central_zone.store.rights_found import policies_found
from central_zone.store.roles import make_analyst, make_roles
from support.postgres import psycopg_url
from support.role_probes import (
    DENIED,
    WORKING,
    Said,
    fill,
    prepare_to_try,
    said_of,
    surprises,
    tables_of,
    tried,
)


@pytest.fixture(scope="module")
def url(postgres) -> str:
    return postgres.a_store()


@pytest.fixture(scope="module")
def filled(postgres) -> Iterator[psycopg.Connection[Any]]:
    """A store with a row in each table, as its administrator sees it; nothing is ever committed."""
    with psycopg.connect(psycopg_url(postgres.a_store())) as connection:  # its own: nobody else could change its tables
        fill(connection, list(tables_of(connection).values()))
        prepare_to_try(connection)
        yield connection
        connection.rollback()


@contextmanager
def taken_back(url: str) -> Iterator[Connection]:
    with store_of(url) as store, store.connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '20s'")
        yield connection
        transaction.rollback()


def wrong(connection: Connection) -> str:
    return "\n".join(each.line() for each in rights.check_rights(connection) if each.said != "ok")


def every_surprise(connection: psycopg.Connection[Any]) -> list[str]:
    said, tables = said_of(), tables_of(connection)
    return [
        surprise
        for table in tables.values()
        for role in WORKING
        for surprise in surprises(connection, role, table, said.get((table.name, role), Said({})))
    ]


# What each role finds


def test_every_role_can_do_with_every_table_and_view_what_the_file_says_and_nothing_else(filled):
    assert every_surprise(filled) == []


def test_the_matrix_looks_at_every_table_that_there_is(filled):
    named = {name for name, _ in said_of() if "." in name and "(" not in name} - {"ledger.arrival"}
    assert set(tables_of(filled)) == named


def test_every_policy_is_missed_when_it_is_gone(filled, url):
    said, tables = said_of(), tables_of(filled)
    with store_of(url) as store, store.connect() as connection:
        policies = sorted(policies_found(connection), key=lambda each: each.in_words())
    of_owner = {each.table for each in policies if each.role == "gp_owner"}
    assert of_owner == {"release.analyst"}  # see the test of analysts
    not_missed = []
    for policy in (each for each in policies if each.role != "gp_owner"):
        table = tables[policy.table]
        with filled.transaction(force_rollback=True):
            filled.execute(f'DROP POLICY "{policy.name}" ON {table.in_sql}')
            if not surprises(filled, policy.role, table, said[policy.table, policy.role]):
                not_missed.append(policy.in_words())
    assert len(policies) > 90
    assert not_missed == []


def test_a_partition_is_nobodys_and_what_a_table_counts_with_is_nobodys(filled):
    parts = [
        row[0] for row in filled.execute("SELECT oid::regclass FROM pg_class WHERE relispartition AND relkind = 'r'")
    ]
    counters = filled.execute(
        "SELECT oid::regclass FROM pg_class WHERE relkind = 'S' AND relname <> 'arrival'"
    ).fetchall()
    asked = [(role, f"SELECT FROM {part}") for role in WORKING for part in parts[:40]]
    asked += [(role, f"SELECT nextval('{counter}')") for role in WORKING for (counter,) in counters]
    assert set(tried(filled, asked)) == {DENIED}


def test_only_who_puts_tables_together_makes_any_and_only_a_release_keeps_them(filled):
    schemas = [row[0] for row in filled.execute("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'")]
    made = {
        (role, schema): tried(filled, [(role, f"CREATE TABLE {schema}.made ()")])[0] != DENIED
        for role in WORKING
        for schema in schemas
    }
    assert {where for where, may in made.items() if may} == {("gp_releaser", "release")}
    beside = {role for role in WORKING if tried(filled, [(role, "CREATE TEMP TABLE made ()")])[0] != DENIED}
    assert beside == {"gp_loader", "gp_eraser", "gp_releaser"}


def test_functions_and_numbers_are_for_whom_the_file_names(filled):
    calls = {
        "erasure.identity()": "SELECT erasure.identity()",
        "erasure.may_serve()": "SELECT erasure.may_serve()",
        "release.is_open_to_me(text)": "SELECT release.is_open_to_me('x')",
        "ledger.arrival": "SELECT nextval('ledger.arrival')",
        "ledger.number_by_time(timestamp with time zone, bigint)": "SELECT ledger.number_by_time(now(), 1)",
    }
    said = said_of()
    as_it_was = {name for name, _ in said if "_as_of(" in name}
    calls |= {name: f"SELECT count(*) FROM {name.partition('(')[0]}(now(), now())" for name in as_it_was}
    calls |= {name: f"SELECT {name}" for name, _ in said if name.startswith("audit.") and "(" in name}
    assert {name for name, _ in said if "(" in name} == {name for name in calls if "(" in name}
    for name, call in calls.items():
        # A function that somebody may call in a schema that they may not enter is out of their reach too.
        may = {role for role in WORKING if tried(filled, [(role, call)]) == ["1"]}
        assert may == {role for role in WORKING if said[name, role].words}, name


def test_the_owner_itself_sees_no_row_of_anybody(filled):
    guarded = "SELECT oid::regclass FROM pg_class WHERE relforcerowsecurity AND NOT relispartition"
    tables = {str(row[0]) for row in filled.execute(guarded)} - {"release.analyst"}
    assert len(tables) > 25
    assert set(tried(filled, [("gp_owner", f"SELECT FROM {table}") for table in tables])) == {"0"}


# The catalogue against the file


def test_a_new_store_is_as_the_file_has_it_and_giving_rights_again_changes_nothing(url):
    with taken_back(url) as connection:
        assert wrong(connection) == ""
        assert rights.apply_rights(connection) == 0


CHANGED = [
    ("GRANT DELETE ON records.patient TO gp_loader", "too much: gp_loader: DELETE on table records.patient"),
    ("GRANT SELECT (sex) ON records.patient TO gp_steward", "too much: gp_steward: SELECT of sex on table records.patient"),
    ("GRANT SELECT ON records.patient_00 TO gp_analyst", "too much: gp_analyst: SELECT on partition records.patient_00"),
    ("GRANT SELECT ON records.patient TO PUBLIC", "too much: PUBLIC: SELECT on table records.patient"),
    ("GRANT TRUNCATE ON audit.entry TO gp_steward", "gp_steward may TRUNCATE on audit.entry"),
    ("GRANT SELECT ON audit.entry TO gp_auditor WITH GRANT OPTION", "too much: gp_auditor: SELECT on table audit.entry, and may"),
    ("REVOKE INSERT ON quarantine.row FROM gp_loader", "missing: gp_loader: INSERT on table quarantine.row"),
    ("GRANT CREATE ON SCHEMA public TO gp_loader", "too much: gp_loader: CREATE on schema public"),
    ("GRANT TEMP ON DATABASE {database} TO PUBLIC", "too much: PUBLIC: TEMP on database"),
    ("GRANT USAGE ON SEQUENCE ledger.refusal_id_seq TO gp_steward", "too much: gp_steward: USAGE on sequence of a table ledger"),
    ("GRANT EXECUTE ON FUNCTION erasure.may_serve TO PUBLIC", "too much: PUBLIC: EXECUTE on function erasure.may_serve()"),
    ("CREATE FUNCTION ledger.new() RETURNS int LANGUAGE sql RETURN 1", "nobody has decided about function ledger.new()"),
    ("ALTER FUNCTION erasure.may_serve RESET search_path", "erasure.may_serve() acts as its owner"),
    ("CREATE TABLE records.new (patient_token uuid)", "nobody has decided about table records.new"),
    ("CREATE VIEW ledger.new AS SELECT FROM ledger.parcel", "nobody has decided about view ledger.new"),
    ("CREATE MATERIALIZED VIEW ledger.new AS SELECT 1", "nobody has decided about relation of kind m ledger.new"),
    ("CREATE SEQUENCE ledger.new", "nobody has decided about sequence ledger.new"),
    ("CREATE SCHEMA new", "nobody has decided about schema new"),
    ("DROP TABLE custody.refused_case", "there is no table custody.refused_case"),
    ("ALTER TABLE release.disclosure OWNER TO gp_steward", "table release.disclosure belongs to gp_steward"),
    ("ALTER TABLE custody.escrow NO FORCE ROW LEVEL SECURITY", "the rows of table custody.escrow are not guarded"),
    ("ALTER TABLE records.patient_01 DISABLE ROW LEVEL SECURITY", "the rows of partition records.patient_01 are not guarded"),
    ('DROP POLICY "gp_eraser may DELETE" ON records.patient', "missing: policy “gp_eraser may DELETE” on records.patient"),
    ("CREATE POLICY open ON records.patient USING (true)", "too much: policy “open” on records.patient, for public"),
    ('ALTER POLICY "gp_eraser may UPDATE" ON records.patient USING (false)', "missing: policy “gp_eraser may UPDATE”"),
    ("ALTER VIEW records.current_patient RESET (security_invoker)", "records.current_patient may show more"),
    ("ALTER VIEW records.current_patient SET (security_barrier = false)", "records.current_patient may show more"),
    ("GRANT pg_read_all_data TO gp_steward", "gp_steward is a member of pg_read_all_data"),
    ("GRANT gp_eraser TO gp_loader", "gp_loader is a member of gp_eraser"),
    ("ALTER ROLE gp_steward BYPASSRLS", "gp_steward: sees every row: not as the file has it"),
    ("ALTER ROLE gp_auditor SUPERUSER", "gp_auditor: superuser: not as the file has it"),
    ("ALTER ROLE gp_owner LOGIN", "gp_owner: may log in: not as the file has it"),
    ("ALTER ROLE gp_analyst SET statement_timeout = 0", "gp_analyst: its settings statement_timeout are not"),
    ("ALTER ROLE gp_loader CONNECTION LIMIT -1", "gp_loader: number of connections: not as the file has it"),
    ("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC", "too much: PUBLIC: EXECUTE on function pg_catalog.lo_create(oid)"),
    ("GRANT USAGE ON LANGUAGE plpgsql TO gp_loader", "too much: gp_loader: USAGE on language plpgsql"),
    ("GRANT EXECUTE ON FUNCTION pg_advisory_lock(bigint) TO gp_analyst", "too much: gp_analyst: EXECUTE on function pg_catalog.pg_adv"),
    ("REVOKE EXECUTE ON FUNCTION pg_advisory_xact_lock(bigint) FROM gp_loader", "missing: gp_loader: EXECUTE on function pg_catalog"),
    ("CREATE ROLE sees_more LOGIN BYPASSRLS IN ROLE gp_analyst", "sees_more: sees every row: nobody who works with releases"),
    ("CREATE ROLE may_more LOGIN SUPERUSER IN ROLE gp_analyst", "may_more: superuser: nobody who works with releases"),
    ("CREATE ROLE reads_more LOGIN IN ROLE gp_analyst, pg_read_all_data", "reads_more is a member of pg_read_all_data"),
    ("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO gp_analyst", "is open to somebody from the beginning"),
]  # fmt: skip


def test_whatever_is_changed_is_named_and_put_right(url):
    database = make_url(url).database
    unnoticed = []
    for change, named in CHANGED:
        with taken_back(url) as connection:
            connection.exec_driver_sql(change.format(database=database))
            if named not in wrong(connection):
                unnoticed.append((change, wrong(connection)))
    assert unnoticed == []
    with taken_back(url) as connection:
        for change, _ in CHANGED:
            if not _is_for_a_person(change):
                connection.exec_driver_sql(change.format(database=database))
        make_roles(connection, {})
        rights.apply_rights(connection)
        assert wrong(connection) == ""


def _is_for_a_person(change: str) -> bool:
    """Whether something is to be there, who is a member of what, and how a view or function is made, no run decides."""
    return change.startswith(
        ("CREATE ", "DROP TABLE", "ALTER VIEW", "ALTER FUNCTION", "ALTER DEFAULT", "GRANT pg_", "GRANT gp_")
    ) and ("POLICY" not in change)


def test_an_object_that_the_file_does_not_name_gets_no_rights(url):
    with taken_back(url) as connection:
        connection.exec_driver_sql("CREATE TABLE ledger.new (); GRANT SELECT ON ledger.new TO PUBLIC, gp_analyst")
        rights.apply_rights(connection)
        acl = connection.exec_driver_sql("SELECT relacl::text FROM pg_class WHERE relname = 'new'").scalar_one()
        assert "gp_analyst" not in acl
        assert "{=" not in acl
        assert "nobody has decided about table ledger.new" in wrong(connection)


# Guard rails


def test_what_a_role_is_limited_by_is_set_when_it_logs_in_and_its_rights_stand_when_it_lifts_that(url):
    def of(role: str) -> psycopg.Connection[Any]:
        return psycopg.connect(psycopg_url(url).replace("postgres:@", f"{role}@"), autocommit=True)

    wanted: Rights = read_rights()
    for role in WORKING:
        with of(role) as connection:
            for name, value in wanted.roles[role].settings.items():
                found = connection.execute("SELECT current_setting(%s)", (name,)).fetchone()
                assert found == (value,), (role, name)
    with of("gp_analyst") as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("SET statement_timeout = 0")
        for statement in ("CREATE TEMP TABLE kept ()", "TABLE records.patient", "DELETE FROM release.analyst"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET log_min_messages = 'debug5'")
    with pytest.raises(psycopg.OperationalError), of("gp_owner"):
        pytest.fail("the owner logged in")


def test_a_login_of_somebodys_own_has_the_analysts_limits_and_nothing_else(url):
    with taken_back(url) as connection:
        make_analyst(connection, "made_for_a_test")
        make_analyst(connection, "made_for_a_test")
        assert wrong(connection) == ""
        limits = "SELECT rolconnlimit, rolinherit, rolbypassrls FROM pg_roles WHERE rolname = 'made_for_a_test'"
        assert connection.exec_driver_sql(limits).one() == (40, True, False)
        settings = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = 'made_for_a_test'::regrole"
        assert "default_transaction_read_only=on" in connection.exec_driver_sql(settings).scalar_one()


def test_a_later_migration_still_makes_functions_as_the_owner_who_never_signs_in(url):
    """What rights take from everybody is taken after the first migrations, and would stop the next."""
    made = "CREATE FUNCTION records.a_later_one() RETURNS integer LANGUAGE {} AS '{}'"
    with taken_back(url) as connection:
        connection.exec_driver_sql("SET LOCAL ROLE gp_owner")
        connection.exec_driver_sql(made.format("SQL", "SELECT 1"))
        connection.exec_driver_sql(made.format("plpgsql", "BEGIN RETURN 1; END").replace("later_one", "second_one"))
