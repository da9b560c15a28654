"""A mass delete stops the practice until a person has asked; a night's deletions, rolling ones and a re-bulk do not."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone.approvals import APPROVED_DELETIONS, approvals
from source_zone.deletions import (
    FEWEST_PATIENTS,
    FEWEST_ROWS,
    Deletions,
    TooManyDeletions,
    check_deletions,
    count_deletions,
    known_after,
)
from source_zone.identified import schema
from source_zone.release_practice import release_practice
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, make_source_zone

NIGHTS = ("20260902010000", "20260903010000", "20260904010000")
LARGEST = {"patients": 0.05, "rows": 0.3, "rows_a_patient": 4}
TAKEN_ON = date(2026, 9, 3)


def found(patients: int = 0, known: int = 1_000, records: int = 0, rows: int = 10_000, rolling: int = 0) -> Deletions:
    return Deletions(
        by_table={"observation": records}, rows=rows, known_patients=known, patients=patients, rolling=rolling
    )


@pytest.mark.parametrize(
    "deletions",
    [
        found(),
        found(patients=50),
        found(patients=51, rolling=1),
        found(patients=900, rolling=860),
        found(patients=FEWEST_PATIENTS - 1, known=FEWEST_PATIENTS - 1),
        found(records=3_000),
        found(records=4_000, rows=600_000),
        found(records=3_000, known=0),  # nobody was known: it cannot be a loss
        found(records=FEWEST_ROWS - 1, rows=FEWEST_ROWS - 1),
    ],
)
def test_an_ordinary_night_passes(deletions: Deletions) -> None:
    check_deletions(PRACTICE, NIGHTS[0], deletions, LARGEST)


@pytest.mark.parametrize(
    "deletions",
    [
        found(patients=51),
        found(patients=1_000),
        found(patients=FEWEST_PATIENTS, known=FEWEST_PATIENTS),
        found(records=3_001),
        found(records=4_001, rows=600_000),  # a full load that lacks much: a small share of its own rows
        found(records=FEWEST_ROWS, rows=FEWEST_ROWS),
    ],
)
def test_a_mass_delete_does_not(deletions: Deletions) -> None:
    with pytest.raises(TooManyDeletions, match=f"{PRACTICE}, extract {NIGHTS[0]}: deletes"):
        check_deletions(PRACTICE, NIGHTS[0], deletions, LARGEST)


def patients(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([{"is_deleted": False, **row} for row in rows], schema=schema("patient"))


def test_what_counts_is_the_last_line_of_patients_known_before() -> None:
    known = known_after(
        patients({"registration_id": "a"}, {"registration_id": "b"}, {"registration_id": "c"}),
        patients({"registration_id": "d"}, {"registration_id": "a", "is_deleted": True}),
    )
    now = patients(
        {"registration_id": "a", "is_deleted": True},
        {"registration_id": "b", "is_deleted": True},
        {"registration_id": "b"},
        {"registration_id": "c"},
        {"registration_id": "c", "is_deleted": True},
        {"registration_id": "new", "is_deleted": True},
    )
    counted = count_deletions({"patient": 4, "observation": 0}, 6, known, now, taken_on=TAKEN_ON)
    assert (counted.known_patients, counted.patients, counted.again) == (4, 2, 1)
    assert counted.by_table == {"patient": 4}


@pytest.mark.parametrize(
    ("facts", "rolling"),
    [
        ({"registration_end_date": date(2025, 9, 1)}, 1),
        ({"date_of_death": date(2025, 9, 1)}, 1),
        ({"registration_end_date": date(2026, 8, 1), "date_of_death": date(2025, 9, 1)}, 1),
        ({"registration_end_date": date(2026, 8, 1)}, 0),
        ({}, 0),
    ],
)
def test_a_patient_deleted_a_year_after_leaving_or_dying_is_told_from_the_others(facts: dict, rolling: int) -> None:
    known = known_after(patients({"registration_id": "a", **facts}), patients())
    gone = patients({"registration_id": "a", "is_deleted": True})
    assert count_deletions({}, 1, known, gone, taken_on=TAKEN_ON).rolling == rolling


# Through a whole release


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    return make_source_zone(tmp_path / "zone", tmp_path / "policy")


NAMES = [f"patient {number}" for number in range(40)]
EVERYBODY = {
    "Admin_Patient": [a_patient(name) for name in NAMES],
    "CareRecord_Observation": [an_observation(name, f"o of {name}") for name in NAMES],
}


def tombstones(*names: str) -> Rows:
    return {"Admin_Patient": [{"PatientGuid": guid(name), "Deleted": "true"} for name in names]}


def release(zone: SourceZone, rows: Rows, night: int) -> dict[str, Any]:
    write_extract(zone.deliveries, rows, NIGHTS[night])
    return release_practice(zone.release(NIGHTS[night]))


def approve(zone: SourceZone, line: str) -> None:
    file = (zone.settings.policy_folder or Path()) / "approved_deletions.csv"
    file.write_text(file.read_text() + line + "\n")


def test_a_mass_delete_is_not_taken_until_it_is_approved(zone: SourceZone) -> None:
    release(zone, EVERYBODY, 0)
    with pytest.raises(TooManyDeletions) as stopped:
        release(zone, tombstones(*NAMES), 1)
    said = str(stopped.value)
    assert "deletes 40 of 40 patients, and 40 of its 40 rows are deletions" in said
    assert "policy/approved_deletions.csv" in said
    assert len(list(zone.settings.outbox.glob("*/manifest.json"))) == 1
    approve(zone, f"{PRACTICE},{NIGHTS[1]},A Steward,2099-01-01,The practice has closed")
    outcome = release_practice(zone.release("again"))
    assert (outcome["sent"], outcome["deleted"]) == (40, {"patient": 40})


@pytest.mark.parametrize(
    "line",
    [
        f"{PRACTICE},{NIGHTS[1]},A Steward,2026-01-01,Past its day",
        f"{PRACTICE},{NIGHTS[2]},A Steward,2099-01-01,Another extract",
        f"Y99002,{NIGHTS[1]},A Steward,2099-01-01,Another practice",
    ],
)
def test_an_approval_is_for_one_extract_until_its_day(zone: SourceZone, line: str) -> None:
    release(zone, EVERYBODY, 0)
    approve(zone, line)
    with pytest.raises(TooManyDeletions):
        release(zone, tombstones(*NAMES), 1)


@pytest.mark.parametrize("line", [f"{PRACTICE},{NIGHTS[1]},,2099-01-01,Why", f"{PRACTICE},{NIGHTS[1]},X,soon,Why", "Y"])
def test_an_approval_without_a_name_or_a_day_is_refused(zone: SourceZone, line: str) -> None:
    approve(zone, line)
    with pytest.raises(PolicyRefused, match="approved_deletions"):
        approvals(Policy(zone.settings.policy_folder or Path()), APPROVED_DELETIONS, TAKEN_ON)


def test_rolling_deletions_are_counted_under_their_own_name(zone: SourceZone) -> None:
    left = {"Admin_Patient": [a_patient(name, DateOfDeactivation="2025-08-01") for name in NAMES]}
    release(zone, left, 0)
    outcome = release(zone, tombstones(*NAMES), 1)
    assert (outcome["deleted"], outcome["rolling_deletions"]) == ({"patient": 40}, 40)


def test_a_re_bulk_is_recognised_and_said(zone: SourceZone) -> None:
    assert release(zone, EVERYBODY, 0)["sent_again"] == []
    assert release(zone, {"Admin_Patient": EVERYBODY["Admin_Patient"][:3]}, 1)["sent_again"] == []
    outcome = release(zone, EVERYBODY, 2)
    assert outcome["sent_again"] == [NIGHTS[2]]
    recorded = zone.settings.memory / "gpdpr" / PRACTICE / "outcome.json"
    assert json.loads(recorded.read_text())["sent_again"] == [NIGHTS[2]]
