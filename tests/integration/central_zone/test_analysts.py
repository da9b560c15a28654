"""People who work with releases, each by a login of their own: whoever is named for a use sees it, while they may, and no other."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from central_zone import withdraw
from central_zone.analysts import name_analysts
from central_zone.register.read_data_uses import read_data_uses
from central_zone.store import rights
from central_zone.store.connection import store_of
from central_zone.store.init import init_analyst
from central_zone.store.roles import make_analyst
from crossing.policy import Policy, PolicyRefused
from support.parcels import Keys, events, patients, tokens
from support.postgres import psycopg_url
from support.release_world import USE, ReleaseWorld, persons

HERE, OTHER = "A10001", "another_use"
HERS, HIS, NOBODYS, NEW = "a_example", "b_example", "c_example", "d_example"


@pytest.fixture(scope="module")
def world(tmp_path_factory, postgres) -> ReleaseWorld:
    """Two uses are released, each to one person. The last day of either is far ahead, as the clock of the server has it."""
    folder = tmp_path_factory.mktemp("analysts")
    made = ReleaseWorld(folder, Keys(folder / "keys").make(), postgres.a_store())
    with store_of(made.store_url) as store, store.begin() as connection:
        for login in (HERS, HIS, NOBODYS):
            make_analyst(connection, login)
    first = made.folder / "data_uses" / f"{USE}.toml"
    far = first.read_text().replace("2027-09-30", "2099-09-30")
    first.write_text(far)
    (made.folder / "data_uses" / f"{OTHER}.toml").write_text(far.replace(f'login = "{HERS}"', f'login = "{HIS}"'))
    people = persons(20)
    whose = {"registration_token": tokens(20, 1)}
    made.load(
        HERE, {"patient": patients(20, patient_token=people, **whose), "encounter": events("encounter", 20, **whose)}
    )
    made.allow(HERE, people)
    made.release()
    made.release(OTHER)
    return made


def test_a_login_is_made_by_one_command_again_and_again_and_none_of_ours_is(world):
    for _ in range(2):
        init_analyst(world.store_url, NEW)
    assert seen(world, NEW, f"{USE}__patient") == 0
    for login in ("gp_loader", "postgres; DROP", "pg_monitor"):
        with pytest.raises(PolicyRefused):
            init_analyst(world.store_url, login)


def seen(world: ReleaseWorld, login: str, table: str, *before: str) -> int:
    """How many rows a login sees."""
    with psycopg.connect(
        psycopg_url(world.store_url).replace("postgres:@", f"{login}@"), autocommit=True
    ) as connection:
        for statement in before:
            connection.execute(statement)
        found = connection.execute(f"SELECT count(*) FROM release.{table}").fetchone()
        assert found
        return int(found[0])


def until(world: ReleaseWorld, day: date, use: str = USE) -> None:
    world.query("UPDATE release.analyst SET last_day = :day WHERE use_id = :use RETURNING 1", day=day, use=use)


def test_each_sees_every_row_of_their_own_use_and_none_of_the_other(world):
    for table, rows in (("patient", 20), ("encounter", 20)):
        assert seen(world, HERS, f"{USE}__{table}") == rows
        assert seen(world, HIS, f"{OTHER}__{table}") == rows
        assert seen(world, HIS, f"{USE}__{table}") == 0
        assert seen(world, HERS, f"{OTHER}__{table}") == 0
        assert seen(world, NOBODYS, f"{USE}__{table}") == 0
        assert seen(world, "gp_analyst", f"{USE}__{table}") == 0, "the role of all of them is nobody"


def test_nobody_becomes_another_by_what_a_session_may_say_of_itself(world):
    tricks = (
        "SET ROLE gp_analyst",
        "SET search_path = release",
        "SET default_transaction_read_only = off",
        "SET row_security = on",
    )
    for trick in tricks:
        assert seen(world, HERS, f"{USE}__patient", trick) == 20
        assert seen(world, HIS, f"{USE}__patient", trick) == 0
    with pytest.raises(psycopg.errors.InsufficientPrivilege):  # an error, and not the rows
        seen(world, HIS, f"{USE}__patient", "SET row_security = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seen(world, HIS, f"{USE}__patient", f"SET SESSION AUTHORIZATION {HERS}")


def test_the_last_day_is_the_last_wherever_the_session_says_that_it_is(world):
    today = datetime.now(UTC).date()
    until(world, today)
    try:
        assert seen(world, HERS, f"{USE}__patient") == 20
        until(world, today - timedelta(days=1))
        for zone in ("UTC", "Etc/GMT+12", "Etc/GMT-14"):
            assert seen(world, HERS, f"{USE}__patient", f"SET timezone = '{zone}'") == 0
        assert seen(world, HIS, f"{OTHER}__patient") == 20
    finally:
        until(world, date(2099, 1, 1))


def test_what_is_released_may_be_read_and_nothing_else_may_be_done(world):
    with psycopg.connect(psycopg_url(world.store_url).replace("postgres:@", f"{HERS}@"), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in (
            f"DELETE FROM release.{USE}__patient",
            f"UPDATE release.{USE}__patient SET sex = sex",
            f"TRUNCATE release.{USE}__patient",
            f"ALTER TABLE release.{USE}__patient DISABLE ROW LEVEL SECURITY",
            f"CREATE TABLE release.mine AS TABLE release.{USE}__patient",
            "CREATE TEMP TABLE mine ()",
            "TABLE release.analyst",
            "TABLE release.disclosure",
            "TABLE records.patient",
            "TABLE ledger.parcel",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_each_policy_on_a_released_table_is_missed_when_it_is_gone(world):
    table = f"release.{USE}__patient"
    roles = {  # what each role does with a released table, and how many rows it finds
        "gp_releaser": (f"SELECT FROM {table}", 20),
        "gp_eraser": (f"DELETE FROM {table}", 20),
        "gp_custodian": (f"SELECT FROM {table}", 20),
        HERS: (f"SELECT FROM {table}", 20),
    }
    dropped = {
        "gp_releaser": "gp_releaser may SELECT",
        "gp_eraser": "gp_eraser may DELETE",
        "gp_custodian": "gp_custodian may SELECT",
        HERS: "gp_analyst may SELECT where named for the use and in date",
    }
    with psycopg.connect(psycopg_url(world.store_url)) as connection:
        for role, (statement, rows) in roles.items():
            assert found(connection, role, statement) == rows
            with connection.transaction(force_rollback=True):
                connection.execute(f'DROP POLICY "{dropped[role]}" ON {table}')
                assert found(connection, role, statement) == 0, role
        with connection.transaction(force_rollback=True):
            connection.execute('DROP POLICY "gp_owner may SELECT" ON release.analyst')
            assert found(connection, HERS, roles[HERS][0]) == 0
        connection.rollback()


def found(connection: psycopg.Connection[Any], login: str, statement: str) -> int:
    with connection.transaction(force_rollback=True):
        connection.execute(f"SET LOCAL SESSION AUTHORIZATION {login}")
        return connection.execute(statement).rowcount


def test_a_release_leaves_the_store_as_the_file_has_it_and_takes_its_people_with_it(world):
    with store_of(world.store_url) as store, store.begin() as connection:
        assert [each.line() for each in rights.check_rights(connection) if each.said != "ok"] == []
        owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE tablename ~ '.__.'"
        assert connection.exec_driver_sql(owners).scalars().all() == ["gp_releaser"]
        assert rights.apply_rights(connection) == 0
    (world.folder / "data_uses" / f"{OTHER}.toml").unlink()
    with world.zone() as zone:
        assert list(withdraw.withdraw_ended(zone)) == [OTHER]
    assert world.query("SELECT use_id, login FROM release.analyst") == [(USE, HERS)]


def test_a_login_of_ours_or_of_no_one_or_of_two_is_refused(world):
    use = next(each for each in read_data_uses(Policy(world.folder)) if each.id == USE)
    assert use.safes
    (one,) = use.safes.people
    logins = ("gp_owner", "pg_monitor", "A_Example", "a", "a; DROP", "a-b", "a" * 64)
    wrong = [(replace(one, login=login),) for login in logins] + [(one, one)]
    with store_of(world.store_url) as store, store.connect() as connection:
        for people in wrong:
            with pytest.raises(PolicyRefused, match="login"):
                name_analysts(connection, use, replace(use.safes, people=people))


def test_nothing_is_kept_where_no_erasure_finds_it_and_no_load_is_held_up(world):
    """What everybody may do in any other database: a large object outlives one's last day, a lock by number stops the audit chain."""
    with psycopg.connect(psycopg_url(world.store_url).replace("postgres:@", f"{HERS}@"), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in (
            f"SELECT lo_from_bytea(0, convert_to(string_agg(t::text, ''), 'UTF8')) FROM release.{USE}__patient AS t",
            "SELECT lo_create(0)",
            "SELECT lo_creat(-1)",
            f"DO $$ BEGIN RAISE LOG '%', (SELECT t FROM release.{USE}__patient AS t LIMIT 1); END $$",
            "SELECT pg_advisory_lock(hashtextextended('gp-collect audit chain', 0))",
            "SELECT pg_try_advisory_lock_shared(1, 1)",
            "SELECT pg_advisory_xact_lock(hashtextextended('gp-collect erasures', 0))",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_a_restored_copy_shows_nobody_what_was_released(world):
    """It holds people who were erased since the backup, until somebody confirmed that they are erased again."""
    (before,) = world.query("SELECT identity FROM erasure.serving")
    world.query("UPDATE erasure.serving SET identity = 'another' RETURNING 1")
    try:
        with pytest.raises(psycopg.DatabaseError, match="gp-central store restored"):
            seen(world, HERS, f"{USE}__patient")
        assert seen(world, HIS, f"{USE}__patient") == 0
    finally:
        world.query("UPDATE erasure.serving SET identity = :it RETURNING 1", it=before[0])
    assert seen(world, HERS, f"{USE}__patient") == 20
