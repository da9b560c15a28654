"""What validation found, by rule, practice and night: counts that are right, and small ones of people that nobody sees."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from central_zone import load_parcel
from central_zone.quality.by_practice import by_practice
from central_zone.quality.by_rule import by_rule
from central_zone.quality.drift import (
    FEW_NIGHTS,
    FEW_PRACTICES,
    FEW_ROWS,
    MORE,
    USUAL,
    drift_of_practice,
    drift_upwards,
)
from central_zone.quality.keep_results import forget_old_results, rows_asked
from central_zone.quality.over_nights import at_all_practices, at_one_practice
from central_zone.quality.thresholds import read_thresholds
from central_zone.quality.window import Window
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import STEWARD
from central_zone.zone import opened
from crossing.policy import Policy
from support.parcels import a_night
from support.quality_nights import BOOK, FIRST_NIGHT, Judged, keep, seven_practices

WINDOW = Window("gpdpr", FIRST_NIGHT - timedelta(days=1))
IN_FUTURE = ("observation", "dated_in_future")
THRESHOLDS = read_thresholds(Policy())


@pytest.fixture(scope="module")
def lived(postgres):
    """A store of ten nights; nobody writes into it."""
    url = postgres.a_store()
    keep(url, seven_practices())
    return url


@pytest.fixture
def asked(lived):
    """As the steward, who has no more rights than these questions need."""
    with store_of(lived) as store, transaction(store, "ask") as connection:
        connection.exec_driver_sql(f"SET LOCAL ROLE {STEWARD}")
        yield connection


def test_a_judged_parcel_leaves_its_results_by_rule_once(zone):
    parcel = zone.sealed(
        a_night(observation_count=100, snomed_concept_id=["12345" if row == 1 else "44054006" for row in range(100)])
    )
    for _ in range(2):
        load_parcel.receive_shard("gpdpr", [parcel.manifest.parcel_id], zone.settings)
        load_parcel.validate_shard("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    kept = zone.query(
        "SELECT table_name, rule_id, rows_failed, rows_seen FROM ledger.rule_result WHERE severity = 'drop_row'"
    )
    assert kept == [("observation", "snomed_concept_shape", 1, 100)]
    ((seen, suite),) = zone.query("SELECT validation -> 'rows_seen', validation ->> 'suite_sha256' FROM ledger.parcel")
    assert (seen["observation"], seen["patient"], seen["parcel"]) == (100, 10, 1)
    ((rules,),) = zone.query("SELECT rules FROM ledger.rule_book WHERE suite_sha256 = %s", suite)
    assert rules["observation"]["snomed_concept_shape"] == "drop_row"
    with opened(zone.settings, role=STEWARD) as of_steward:
        assert forget_old_results(of_steward, keep_days=1) == 0
        zone.execute("UPDATE ledger.rule_result SET at = now() - interval '2 days'")
        assert forget_old_results(of_steward, keep_days=1) >= 1
        assert zone.query("SELECT count(*) FROM ledger.rule_result") == [(0,)]


def test_by_rule_says_of_each_rule_that_was_asked_how_it_fared(asked):
    lines = {(line.table, line.rule): line for line in by_rule(asked, WINDOW)}
    assert set(lines) == {(table, rule) for table, rules in BOOK.items() for rule in rules}
    future = lines[IN_FUTURE]
    assert (future.parcels_asked, future.parcels_broken, future.practices_broken) == (70, 70, 7)
    assert (future.rows.failed, future.rows.seen) == (790, 70_000)
    assert lines["observation", "placeholder_date"].rows.failed == 0
    assert next(line.rule for line in by_rule(asked, WINDOW)) == "volume_unusual"


def test_of_people_small_numbers_are_told_to_nobody(asked):
    last = Window("gpdpr", FIRST_NIGHT + timedelta(days=9) - timedelta(hours=1))
    people = next(line for line in by_rule(asked, last) if line.table == "patient")
    assert (people.rows.failed, people.rows.share, people.rows.failed_in_words) == (None, None, "fewer than 10")
    every = next(line for line in by_rule(asked, WINDOW) if line.table == "patient")
    assert every.parcels_broken == 10, "the same three people on ten nights are thirty rows"
    assert (every.rows.failed, every.rows.failed_in_words) == (None, "not shown")
    points = at_one_practice(asked, WINDOW, "A00002", "patient", "lsoa_shape")
    assert {point.rows.failed_in_words for point in points} == {"fewer than 10"}
    assert {point.rows.share for point in points} == {None}


def test_by_practice_puts_first_whoever_has_parcels_held(asked):
    first, second, *_ = by_practice(asked, WINDOW)
    assert (first.practice_code, first.held, first.rules, first.kept_out, first.seen) == ("A00001", 1, 2, 190, 10_000)
    assert (second.practice_code, second.rules, second.kept_out) == ("A00002", 2, 100)


def test_a_rule_over_nights_at_one_practice_and_at_all(asked):
    one = at_one_practice(asked, WINDOW, "A00001", *IN_FUTURE)
    assert [point.rows.failed for point in one] == [10] * 9 + [100]
    assert [point.sequence for point in one] == list(range(1, 11))
    every = at_all_practices(asked, WINDOW, *IN_FUTURE)
    assert [(point.parcels, point.rows.failed) for point in every] == [(7, 70)] * 9 + [(7, 160)]


def test_drift_is_told_of_the_practice_that_changed_and_of_no_other(asked):
    (changed,) = drift_upwards(asked, WINDOW, THRESHOLDS)
    assert (changed.practice_code, changed.rule) == ("A00001", "dated_in_future")
    assert (changed.against_itself, changed.against_supplier) == (MORE, MORE)
    assert (changed.usual, changed.of_supplier) == (0.01, 0.01)
    (usual,) = drift_of_practice(asked, WINDOW, THRESHOLDS, "A00003", others_since=WINDOW.since)
    assert (usual.against_itself, usual.usual, usual.against_supplier) == (USUAL, 0.01, USUAL)
    few = {
        each.rule: each.against_itself
        for each in drift_of_practice(asked, WINDOW, THRESHOLDS, "A00002", others_since=WINDOW.since)
    }
    assert few == {"dated_in_future": USUAL, "lsoa_shape": FEW_ROWS}


def test_how_drift_is_asked_for_does_not_hold_for_the_next_question(asked):
    """Rows that wait were once looked for without an index, because drift had been asked for first."""
    before = asked.execute(text("SELECT name, setting FROM pg_settings")).all()
    drift_upwards(asked, WINDOW, THRESHOLDS)
    after = asked.execute(text("SELECT name, setting FROM pg_settings")).all()
    assert {name for name, _ in set(before) ^ set(after)} <= {"work_mem"}


def test_where_little_is_known_nothing_is_said_and_a_rule_counts_from_its_first_night(postgres):
    url = postgres.a_store()
    older = {"observation": {"dated_in_future": "drop_row"}}
    nights = [
        Judged(
            practice_code="A00001",
            night=night,
            seen={"observation": 1_000},
            failed={("observation", "placeholder_date"): 500} if night >= 7 else {},
            suite="second" if night >= 7 else "first",
        )
        for night in range(9)
    ]
    keep(url, nights, {"first": older, "second": BOOK})
    with store_of(url) as store, transaction(store, "ask") as connection:
        (only,) = drift_of_practice(connection, WINDOW, THRESHOLDS, "A00001", others_since=WINDOW.since)
        assert (only.against_itself, only.against_supplier, only.usual) == (FEW_NIGHTS, FEW_PRACTICES, None)
        points = at_one_practice(connection, WINDOW, "A00001", "observation", "placeholder_date")
        assert [point.rows and point.rows.failed for point in points] == [None] * 7 + [500, 500]
        (line,) = [each for each in by_rule(connection, WINDOW) if each.rule == "placeholder_date"]
        assert (line.parcels_asked, line.rows.seen) == (2, 2_000)


def test_a_rule_that_looks_beside_a_row_has_its_share_of_the_rows_it_was_asked_of(postgres):
    url = postgres.a_store()
    nights = [
        Judged(
            practice_code="A00001",
            night=night,
            seen={"observation": 1_000},
            failed={IN_FUTURE: 50} if night % 2 else {},
            otherwise={"observation": {"dated_in_future": 0 if night == 4 else 500}},
        )
        for night in range(8)
    ]
    keep(url, nights)
    with store_of(url) as store, transaction(store, "ask") as connection:
        points = at_one_practice(connection, WINDOW, "A00001", *IN_FUTURE)
        assert [point.rows and point.rows.share for point in points] == [0, 0.1, 0, 0.1, None, 0.1, 0, 0.1]
        (line,) = [each for each in by_rule(connection, WINDOW) if each.rule == "dated_in_future"]
        assert (line.parcels_asked, line.parcels_broken, line.rows.failed, line.rows.seen) == (7, 4, 200, 3_500)
        assert [point.rows.seen for point in at_all_practices(connection, WINDOW, *IN_FUTURE)] == [500] * 7
        (compared,) = drift_of_practice(connection, WINDOW, THRESHOLDS, "A00001", others_since=WINDOW.since)
        assert (compared.rows.share, compared.usual, compared.against_itself) == (0.1, 0.05, MORE)


def test_what_a_parcel_says_of_rows_asked_is_short():
    def result(table, rule, seen):
        return {"table": table, "rule": rule, "severity": "warn", "failed": 0, "seen": seen}

    told = [
        result("patient", "a", 40),
        result("observation", "a", 90),
        result("observation", "b", 30),
        result("parcel", "c", 0),
    ]
    assert rows_asked(told) == {
        "rows_seen": {"patient": 40, "observation": 90, "parcel": 1},
        "rows_seen_by_rule": {"observation": {"b": 30}, "parcel": {"c": 0}},
        "rows_of_records_seen": 90,
    }
