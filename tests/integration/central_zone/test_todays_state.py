"""Today's state is found quickly, and is what the first version of the views said it is: each record's latest word."""

from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from central_zone import commit, ledger, load_parcel
from central_zone.load import comes_twice
from central_zone.staged import KeptVerdict
from central_zone.store import migrate
from central_zone.store.connection import store_of
from crossing.canonical import TABLES, has_patient
from support.parcels import Keys, events, patients, seal

KINDS = ("patient", "observation", "immunisation", "allergy", "problem", "referral", "encounter", "staff_role")
_FIRST_VERSION = Path(migrate.__file__).parent / "migrations/versions/0001_the_store.sql"
_WHAT = "practice_code, record_token, {whose}, parcel_number"

# A row says which record it is, whether it is deleted, and of which registration. So few that words meet.
_WORDS = st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2)), min_size=1, max_size=4)
_EVERYBODY = [(number, False, number) for number in range(3)]
_PARCEL = st.tuples(st.integers(1, 5), st.dictionaries(st.sampled_from(KINDS), _WORDS, min_size=1, max_size=5))
_HISTORY = st.lists(_PARCEL, min_size=1, max_size=5)


@pytest.fixture(scope="module")
def store(postgres):
    """With the first version's views beside today's, in a schema of their own."""
    views = _FIRST_VERSION.read_text().split("-- Who is registered", 1)[1]
    for moved in ("current_", "word_on_an_observation"):
        views = views.replace(f"records.{moved}", f"first_version.{moved}")
    with store_of(postgres.a_store()) as made:
        with made.begin() as connection:
            connection.execute(text("CREATE SCHEMA first_version"))
            connection.execute(text(views.split("\n", 1)[1]))
        yield made


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys") / "central").make()


def token(kind, number):
    return UUID(int=kind * 256 + number).bytes


def rows_of(table, words, parcel):
    """One parcel says of a record always the same registration: which of two such rows counts is left open."""
    whose = {record: registration for record, _, registration in words}
    columns = {
        "record_token": pa.array([token(1, record) for record, *_ in words], pa.binary(16)),
        "is_deleted": [deleted for _, deleted, _ in words],
    }
    if has_patient(table):
        columns["registration_token"] = pa.array([token(2, whose[record]) for record, *_ in words], pa.binary(16))
    return patients(len(words), **columns) if table == "patient" else events(table, len(words), **columns)


def loaded(connection, folder, keys, sequence, day, tables):
    """As the loader does it, from the ledger's row on."""
    taken_at = f"2026-09-0{day}T01:00:00+00:00"
    manifest = seal(folder, keys, {}, sequence=sequence, extract_taken_at=taken_at).manifest
    ledger.enter(connection, manifest, state=ledger.VALIDATED)
    entry = ledger.entry(connection, manifest.parcel_id)
    verdict = KeptVerdict(failed_rows={}, held_because=(), facts={})
    ready = commit._Ready(entry=entry, tables=tables, verdict=verdict, manifest={}, started=0)
    commit._load_rows(connection, ready)
    ledger.mark(connection, entry.parcel_id, state=ledger.LOADED)


def todays(connection, schema, view, whose):
    rows = connection.execute(text(f"SELECT {_WHAT.format(whose=whose)} FROM {schema}.current_{view}")).all()
    return sorted(map(str, rows))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=_HISTORY, are_registered=st.booleans())
def test_today_is_the_latest_word_on_each_record_whatever_came_in_which_order(
    store, keys, tmp_path, history, are_registered
):
    with store.connect() as connection, connection.begin() as transaction:
        for sequence, (day, parcel) in enumerate(history, start=1):
            if are_registered and sequence == 1:
                parcel = {**parcel, "patient": _EVERYBODY}  # noqa: PLW2901  (this parcel, with everybody in it)
            tables = {table: rows_of(table, words, sequence) for table, words in parcel.items()}
            loaded(connection, tmp_path, keys, sequence, day, tables)
        for table in TABLES:
            whose = "registration_token" if has_patient(table) else "is_deleted"
            now, before = (todays(connection, schema, table, whose) for schema in ("records", "first_version"))
            assert now == before, table
        now, before = (
            connection.execute(
                text(f"SELECT practice_code, registration_token FROM {schema}.current_registration")
            ).all()
            for schema in ("records", "first_version")
        )
        assert sorted(map(str, now)) == sorted(map(str, before))
        transaction.rollback()


def test_a_first_parcel_leaves_no_row_in_the_index_of_later_words_but_its_tombstones(zone):
    tables = {"patient": patients(), "observation": events("observation", is_deleted=[True] * 3 + [False] * 47)}
    first = zone.sealed(tables)
    load_parcel.load_parcel(first.folder, zone.settings)
    marks = "SELECT count(*) FILTER (WHERE may_replace), count(*) FILTER (WHERE may_replace IS NULL) FROM records.observation"
    assert zone.query(marks) == [(3, 47)]
    second = zone.sealed({"observation": events("observation", 5)}, sequence=2, previous=first)
    load_parcel.load_parcel(second.folder, zone.settings)
    assert zone.query(marks) == [(8, 47)]


_BY_PERSON = """SELECT o.* FROM records.current_patient AS p
JOIN records.current_observation AS o USING (practice_code, registration_token) WHERE p.patient_token = '{person}'"""
_BY_REGISTRATION = """SELECT * FROM records.current_observation
WHERE practice_code = 'A12345' AND registration_token = '{registration}'"""


@pytest.mark.parametrize("question", [_BY_PERSON, _BY_REGISTRATION], ids=["person", "registration"])
def test_one_persons_history_can_be_answered_by_indexes_alone(zone, question):
    tables = {"patient": patients(), "observation": events("observation")}
    load_parcel.load_parcel(zone.sealed(tables).folder, zone.settings)
    ((person, registration),) = zone.query("SELECT patient_token, registration_token FROM records.patient LIMIT 1")
    asked = f"EXPLAIN {question.format(person=person, registration=registration)}"
    plan = "\n".join(row[0] for row in zone.query(asked, before="SET enable_seqscan = off"))
    assert "Index" in plan
    assert "Seq Scan" not in plan


def test_a_record_that_comes_twice_is_noticed():
    once = pa.table({"record_token": pa.array([token(1, number) for number in range(9)], pa.binary(16))})
    assert not comes_twice(once)
    assert comes_twice(pa.concat_tables([once, once.slice(8)]))
    assert not comes_twice(once.slice(0, 0))
    assert not comes_twice(once.take(pa.array(np.arange(5))))
