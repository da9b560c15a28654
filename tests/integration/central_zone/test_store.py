"""The store's tables and views, and what a migration does."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from central_zone import load_parcel
from central_zone.errors import StoreDown, StoreRefused
from central_zone.settings import Settings
from central_zone.store.connection import store_errors, store_of, transaction
from central_zone.store.migrate import _config, migrate
from central_zone.store.tables import metadata
from crossing.canonical import TABLES
from support.parcels import a_night, events, observations, patients


def test_migrating_twice_changes_nothing_the_second_time(postgres):
    with store_of(postgres.an_empty_database()) as store:
        assert migrate(store) is True
        assert migrate(store) is False


def test_two_people_may_migrate_at_once(postgres):
    url = postgres.an_empty_database()

    def once(_):
        with store_of(url) as store:
            return migrate(store)

    with ThreadPoolExecutor(2) as people:
        assert sorted(people.map(once, range(2))) == [False, True]


def test_the_migrations_make_the_tables_the_software_expects(postgres):
    with store_of(postgres.a_store()) as store, store.connect() as connection:
        options = {
            "include_schemas": True,
            "compare_type": True,
            "include_name": ours,
            "include_object": comparable,
            "version_table_schema": "ledger",
        }
        difference = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        assert difference == []


def ours(name, kind, parents):
    """Partitions are made by the migration alone; the software knows the whole tables."""
    is_partition = name is not None and name.rsplit("_", 1)[0] in TABLES and name[-2:].isdigit()
    return not (kind == "table" and is_partition)


def comparable(_thing, name, kind, _reflected, _compare_to):
    """Alembic compares the text of an index's expression, which PostgreSQL writes its own way; test_store_models sees what there is."""
    return (kind, name) != ("index", "events_of_a_run")


def test_a_change_to_the_expected_tables_would_be_seen(postgres):
    with store_of(postgres.a_store()) as store, store.begin() as connection:
        connection.execute(text("ALTER TABLE ledger.parcel DROP COLUMN audit_hash"))
        options = {"include_schemas": True, "include_name": ours, "version_table_schema": "ledger"}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) != []


def test_a_store_that_was_never_migrated_says_which_command_to_run(zone, postgres):
    bare = Settings({**zone.settings.values, "GP_STORE_URL": postgres.an_empty_database()})
    with pytest.raises(StoreRefused, match="gp-central store init"):
        load_parcel.parcels_waiting("gpdpr", bare)


@pytest.mark.parametrize(
    ("old", "new"), [("/store_", "/no_such_store_"), ("gp_loader", "no_such_user")], ids=["database", "user"]
)
def test_a_wrong_database_or_user_is_for_a_person_and_is_not_quoted(zone, old, new):
    right = zone.settings.store_url_of("gp_loader")
    wrong = right.replace(old, new)
    assert wrong != right
    with (
        pytest.raises(StoreRefused, match="GP_STORE_URL") as told,
        store_of(wrong) as store,
        transaction(store, "look"),
    ):
        pytest.fail("it let us in")
    assert "no_such" not in str(told.value)


@pytest.mark.parametrize(
    "error",
    [
        psycopg.OperationalError('FATAL: password authentication failed for user "alice"'),
        psycopg.OperationalError("connection failed: fe_sendauth: no password supplied"),
        psycopg.errors.InvalidPassword('password authentication failed for user "alice"'),
        psycopg.errors.InvalidCatalogName('database "alice" does not exist'),
    ],
)
def test_a_password_that_is_not_accepted_is_for_a_person(error):
    with pytest.raises(StoreRefused, match="GP_STORE_URL") as told, store_errors("look"):
        raise error
    assert "alice" not in str(told.value)


def test_a_server_that_is_not_there_is_tried_again(tmp_path):
    nowhere = f"postgresql+psycopg://u@/d?host={tmp_path}"
    with store_of(nowhere) as store, pytest.raises(StoreDown), transaction(store, "look"):
        pytest.fail("there is no server")


def test_the_ledger_knows_no_other_states_than_ours(zone):
    parcel = zone.sealed(a_night())
    load_parcel.load_parcel(parcel.folder, zone.settings)
    with (
        store_of(zone.settings.store_url) as store,
        pytest.raises(StoreRefused, match="SQLSTATE 23514, table parcel"),
        transaction(store, "spoil") as connection,
    ):
        connection.execute(text("UPDATE ledger.parcel SET state = 'perhaps'"))


def load(zone, tables, sequence=1, previous=None):
    parcel = zone.sealed(tables, sequence=sequence, previous=previous)
    assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"
    return parcel


def count(zone, view):
    return zone.query(f"SELECT count(*) FROM records.{view}")[0][0]


def test_a_later_version_of_a_record_replaces_the_earlier_one_today_and_both_are_kept(zone):
    first = load(zone, a_night())
    load(zone, {"observation": observations(snomed_concept_id=["73211009"] * 50)}, 2, first)
    assert count(zone, "observation") == 100
    assert zone.query("SELECT DISTINCT snomed_concept_id FROM records.current_observation") == [("73211009",)]
    assert count(zone, "current_observation") == 50


def test_a_deleted_record_is_not_in_todays_state_and_its_history_is_kept(zone):
    first = load(zone, a_night())
    gone = observations(is_deleted=[True] * 20 + [False] * 30)
    load(zone, {"observation": gone}, 2, first)
    assert (count(zone, "current_observation"), count(zone, "observation")) == (30, 100)


@pytest.mark.parametrize("table", ["immunisation", "allergy", "problem", "referral"])
def test_a_tombstone_that_came_as_an_observation_ends_what_the_record_was(zone, table):
    first = load(zone, {"patient": patients(), table: events(table)})
    assert count(zone, f"current_{table}") == 50
    gone = observations(is_deleted=[True] * 20 + [False] * 30).slice(0, 20)
    load(zone, {"observation": gone}, 2, first)
    assert count(zone, f"current_{table}") == 30
    assert count(zone, table) == 50


def test_an_immunisation_amended_to_an_observation_is_only_that(zone):
    first = load(zone, {"patient": patients(), "immunisation": events("immunisation")})
    second = load(zone, {"observation": observations()}, 2, first)
    assert (count(zone, "current_immunisation"), count(zone, "current_observation")) == (0, 50)
    load(zone, {"immunisation": events("immunisation")}, 3, second)
    assert (count(zone, "current_immunisation"), count(zone, "current_observation")) == (50, 0)


def test_a_problem_outlives_an_amendment_of_its_observation(zone):
    first = load(zone, {"patient": patients(), "problem": events("problem"), "observation": observations()})
    load(zone, {"observation": observations(snomed_concept_id=["73211009"] * 50)}, 2, first)
    assert count(zone, "current_problem") == 50


def test_the_records_of_a_patient_who_was_withdrawn_are_not_in_todays_state(zone):
    first = load(zone, a_night())
    load(zone, {"patient": patients(is_deleted=[True] * 3 + [False] * 7)}, 2, first)
    assert (count(zone, "current_patient"), count(zone, "current_observation")) == (7, 35)


def test_records_whose_patient_never_came_are_not_in_todays_state(zone):
    load(zone, {"observation": observations()})
    assert (count(zone, "observation"), count(zone, "current_observation")) == (50, 0)


def test_a_patient_who_came_back_is_in_todays_state_again(zone):
    first = load(zone, a_night())
    second = load(zone, {"patient": patients(is_deleted=[True] * 10)}, 2, first)
    assert count(zone, "current_observation") == 0
    load(zone, {"patient": patients()}, 3, second)
    assert count(zone, "current_observation") == 50


def test_one_registrations_history_is_found_by_its_index(zone):
    load(zone, a_night())
    ((token,),) = zone.query("SELECT registration_token FROM records.patient LIMIT 1")
    history = f"FROM records.observation WHERE practice_code = 'A12345' AND registration_token = '{token}'"
    plan = "\n".join(row[0] for row in zone.query(f"EXPLAIN SELECT * {history}", before="SET enable_seqscan = off"))
    assert "Index Cond" in plan
    assert plan.count("Scan") <= 2, "one partition only"


def test_a_store_of_the_first_version_is_renumbered_and_its_versions_rank_as_before(zone, postgres):
    """Its parcels and rows had numbers by arrival; they get those of their extracts' times."""
    url = postgres.an_empty_database()
    with store_of(url) as store:
        to_version(store, "0001")
        with store.begin() as connection:
            for number, day in ((1, "02"), (2, "04")):
                connection.execute(text(OLD_PARCEL.format(number=number, day=day)))
            for number, code in ((1, "44054006"), (2, "73211009")):
                connection.execute(text(OLD_ROW.format(number=number, code=code)))
            connection.execute(text(OLD_PATIENT))
        assert migrate(store) is True
        with store.connect() as connection:
            numbers = "SELECT sequence, parcel_number, extract_kind FROM ledger.parcel ORDER BY parcel_number"
            found = connection.execute(text(numbers)).all()
            rows = connection.execute(text("SELECT parcel_number FROM records.observation ORDER BY 1")).scalars().all()
            today = (
                connection.execute(text("SELECT snomed_concept_id FROM records.current_observation")).scalars().all()
            )
            next_one = connection.execute(text("SELECT nextval('ledger.arrival')")).scalar_one()
    assert [(row.sequence, row.extract_kind) for row in found] == [(1, "delta"), (2, "delta")]
    assert rows == [row.parcel_number for row in found]
    assert all(number > 2**50 for number in rows)
    assert (today, next_one) == (["73211009"], 3)


def test_quarantined_rows_that_nobody_could_find_again_go_and_the_counts_still_close(postgres):
    """Before erasures nobody wrote down whose row it was. What is not about a patient stays."""
    url = postgres.an_empty_database()
    with store_of(url) as store:
        to_version(store, "0003")
        with store.begin() as connection:
            connection.execute(text(OLD_PARCEL_OF_0003))
            for table, record, rule in (
                ("observation", _A, "one"),
                ("observation", _A, "two"),
                ("staff_role", _B, "one"),
            ):
                row = {"table": table, "record": record, "rule": rule}
                connection.execute(text("INSERT INTO quarantine.row VALUES (7, :table, :record, :rule)"), row)
        assert migrate(store) is True
        with store.connect() as connection:
            kept = connection.execute(text("SELECT table_name, practice_code FROM quarantine.row")).all()
            erased = connection.execute(text("SELECT rows_erased FROM ledger.parcel")).scalar_one()
            connection.execute(text("SELECT * FROM records.current_patient"))
    assert (kept, erased) == ([("staff_role", "A12345")], {"observation": 1})


def to_version(store, revision):
    with transaction(store, "migrate") as connection:
        connection.execute(text("CREATE SCHEMA ledger"))
        command.upgrade(_config(connection), revision)


OLD_PARCEL = """
INSERT INTO ledger.parcel (parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id, extract_taken_at,
  supplier_format, synthetic, state, manifest)
VALUES (gen_random_uuid(), 'gpdpr', 'A12345', {number}, 'hash {number}', 'extract-{number}', '2026-09-{day}T01:00:00Z',
  'emis_csv', true, 'loaded', '{{}}')
"""
OLD_PARCEL_OF_0003 = """
INSERT INTO ledger.parcel (parcel_number, parcel_id, collection, practice_code, sequence, manifest_sha256, extract_id,
  extract_taken_at, supplier_format, synthetic, state, manifest)
VALUES (7, gen_random_uuid(), 'gpdpr', 'A12345', 1, 'hash', 'extract', '2026-09-02T01:00:00Z', 'emis_csv', true, 'loaded', '{}')
"""
_A, _B = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"
OLD_ROW = f"""
INSERT INTO records.observation (record_token, registration_token, is_deleted, snomed_concept_id, practice_code, parcel_number)
VALUES ('{_A}', '{_B}', false, '{{code}}', 'A12345', {{number}})
"""
OLD_PATIENT = f"""
INSERT INTO records.patient (record_token, registration_token, is_deleted, practice_code, parcel_number)
VALUES ('{_B}', '{_B}', false, 'A12345', 1)
"""
