"""A patient without an NHS number is the same registration from night to night."""

import json
from pathlib import Path

import pytest

from support.gp_connect_bundles import Resource, a_bundle, a_patient, an_observation, read, write


def registrations(folder: Path) -> list[str]:
    return [row["registration_id"] for row in read(folder)["patient"]]


@pytest.mark.parametrize(
    "patient",
    [
        a_patient("1234567890"),
        a_patient("1234567890", id="an id {with blanks}"),
        a_patient("1234567890", id=None, identifier=[{"system": "urn:own", "value": "4711"}]),
    ],
)
def test_a_record_without_an_nhs_number_keeps_its_registration_when_its_file_is_renamed(
    tmp_path: Path, patient: Resource
) -> None:
    before = registrations(write(tmp_path, a_bundle(patient=patient)))
    (tmp_path / "record_0.json").rename(tmp_path / "renamed.json")
    amended = a_bundle(an_observation(), patient=patient | {"name": [{"family": "Secret"}]})
    (tmp_path / "renamed.json").write_text(json.dumps(amended))
    assert registrations(tmp_path) == before
    assert "4711" not in before[0]


def test_two_patients_without_an_nhs_number_are_two(tmp_path: Path) -> None:
    other = a_patient("1234567890", id="P2")
    assert len(set(registrations(write(tmp_path, a_bundle(patient=a_patient("")), a_bundle(patient=other))))) == 2


def test_a_patient_with_nothing_to_be_known_by_stays(tmp_path: Path) -> None:
    nobody = a_patient(id=None, identifier=[])
    (row,) = read(write(tmp_path, a_bundle(patient=nobody)))["patient"]
    assert row["fault"] == "unidentified_patient"


def test_two_people_under_one_local_id_stay_both(tmp_path: Path) -> None:
    one, other = a_patient(""), a_patient("", birthDate="1980-01-01")
    (row,) = read(write(tmp_path, a_bundle(patient=one), a_bundle(patient=other)))["patient"]
    assert row["fault"] == "two_patients_with_one_id"


def test_one_person_in_two_bundles_under_one_local_id_is_one(tmp_path: Path) -> None:
    (row,) = read(write(tmp_path, a_bundle(patient=a_patient("")), a_bundle(patient=a_patient(""))))["patient"]
    assert row["fault"] is None
