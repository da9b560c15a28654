"""Two nights of eight practices, from the suppliers' files to the store, held against the simulator's answer sheet.

The answer sheet is worked out by code of its own, from what was planted, and shares nothing with the pipeline.
"""

from typing import Any

import pytest

from journey.both_zones import NIGHTS, Journey

pytestmark = pytest.mark.slow

PRACTICES = [f"Y9900{number}" for number in range(1, 9)]
CUT_OFF = "Y99008"
EACH_EXTRACT = [(practice, night) for practice in PRACTICES for night in NIGHTS]


def test_only_the_practice_whose_file_was_cut_off_failed_and_only_on_the_first_night(journey: Journey) -> None:
    assert list(journey.failed["1"]) == [CUT_OFF]
    assert "cut off" in journey.failed["1"][CUT_OFF]
    assert journey.failed["2"] == {}


def test_the_practice_that_failed_is_caught_up_with_on_the_second_night(journey: Journey) -> None:
    assert (len(journey.loaded["1"]), len(journey.loaded["2"])) == (7, 9)
    sequences = [journey.manifest(CUT_OFF, night).sequence for night in NIGHTS]
    assert sequences == [1, 2]


def test_there_is_a_parcel_for_every_extract_and_no_other(journey: Journey) -> None:
    extracts = {(practice, journey.expected(practice, night)["extract_id"]) for practice, night in EACH_EXTRACT}
    assert set(journey.manifests) == extracts
    assert {manifest.parcel_id for manifest in journey.manifests.values()} == set(journey.ledger)


@pytest.mark.parametrize(("practice", "night"), EACH_EXTRACT)
def test_what_was_read_sent_held_back_and_quarantined_is_what_was_planted(
    journey: Journey, practice: str, night: str
) -> None:
    stated = journey.manifest(practice, night).counts["tables"]
    assert _as_stated(journey.expected(practice, night)["tables"]) == _as_stated(stated)


@pytest.mark.parametrize(("practice", "night"), EACH_EXTRACT)
def test_every_row_read_is_accounted_for(journey: Journey, practice: str, night: str) -> None:
    tables = journey.manifest(practice, night).counts["tables"]
    assert sum(row["read"] for row in tables.values()) > 0
    for table, row in tables.items():
        accounted = row["sent"] + sum(row["held_back"].values()) + sum(row["quarantined"].values())
        assert row["read"] == accounted, table


@pytest.mark.parametrize(("practice", "night"), EACH_EXTRACT)
def test_the_patients_who_may_leave_and_who_may_not_are_those_planted(
    journey: Journey, practice: str, night: str
) -> None:
    expected, stated = journey.expected(practice, night), journey.manifest(practice, night).counts
    assert stated["patients_may_leave"] == expected["patients_may_leave"]
    assert stated["patients_held_back"] == expected["patients_held_back"]
    assert stated["reference_rows"] == expected["reference_rows"]


@pytest.mark.parametrize(("practice", "night"), EACH_EXTRACT)
def test_the_central_zone_quarantined_and_loaded_what_was_planted(journey: Journey, practice: str, night: str) -> None:
    entry = journey.ledger[journey.manifest(practice, night).parcel_id]
    tables = journey.expected(practice, night)["tables"]
    assert entry["state"] == "loaded"
    assert _without_zeros(entry["rows_loaded"]) == _without_zeros({name: row["loaded"] for name, row in tables.items()})
    planted = {name: row["central_quarantined"] for name, row in tables.items()}
    assert _without_zeros(entry["rows_quarantined"]) == _without_zeros(planted)


@pytest.mark.parametrize(("practice", "night"), EACH_EXTRACT)
def test_the_store_holds_the_rows_and_the_patients_planted(journey: Journey, practice: str, night: str) -> None:
    expected = journey.truth["practices"][practice]["store_after_night"][night]
    assert _without_zeros(journey.rows_in_store[night].get(practice, {})) == _without_zeros(expected["rows"])
    assert journey.patients_in_store[night][practice] == expected["patients"]


def test_collecting_and_loading_once_more_finds_nothing_to_do(journey: Journey) -> None:
    assert journey.zones.collect("once-more") == {}
    assert journey.zones.load() == []
    assert journey.zones.rows_in_store() == journey.rows_in_store["2"]


def test_no_spool_and_no_run_key_is_left_behind(journey: Journey) -> None:
    spool = journey.zones.source.spool
    assert [path for path in spool.rglob("*") if path.is_file()] == []


def _as_stated(tables: dict[str, Any]) -> dict[str, Any]:
    names = ("read", "sent", "held_back", "quarantined")
    rows = {table: {name: row[name] for name in names} for table, row in tables.items()}
    return {table: row for table, row in rows.items() if row["read"]}


def _without_zeros(counts: dict[str, Any]) -> dict[str, Any]:
    return {name: count for name, count in counts.items() if count}
