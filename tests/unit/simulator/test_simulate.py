"""What the deliveries look like from outside."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulator.check_digits import nhs_number_is_valid
from simulator.emis.layout import COLUMNS
from simulator.formats import UnknownFormat
from simulator.simulate import simulate
from unit.simulator.read_back import TABLE_OF_FILE, Row, read_file, read_night

TINY: dict[str, Any] = {"practices": 2, "patients": 40, "entries_per_patient": 10}
NAME = re.compile(
    r"^29\d_(Admin|Agreements|Appointment|CareRecord|Coding|Prescribing)_[A-Za-z]+_202609\d\d010000_[0-9A-F-]{36}\.csv$"
)


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def canaries_of(out: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads((out / "canaries.json").read_text())
    return found


def patients_of(out: Path, number: int, night: int = 1) -> list[Row]:
    (path,) = (out / f"Y9900{number}").glob(f"{290 + night}_Admin_Patient_*")
    return read_file(path)


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate(tmp_path / name, **TINY)
        simulate(tmp_path / name, **TINY, night=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_another_seed_gives_other_people(tmp_path: Path) -> None:
    for seed in (1, 2):
        simulate(tmp_path / str(seed), **TINY, seed=seed)
    one, two = (canaries_of(tmp_path / str(seed)) for seed in (1, 2))
    assert set(one["nhs_numbers"]).isdisjoint(two["nhs_numbers"])
    assert set(one["patient_guids"]).isdisjoint(two["patient_guids"])


def test_a_practice_is_the_same_whoever_else_is_simulated(tmp_path: Path) -> None:
    simulate(tmp_path / "many", **TINY | {"practices": 3})
    simulate(tmp_path / "alone", **TINY | {"practices": 1}, first_practice=2)
    many, alone = contents(tmp_path / "many"), contents(tmp_path / "alone")
    assert {name: many[name] for name in alone if name.startswith("Y99002/")} == {
        name: data for name, data in alone.items() if name.startswith("Y99002/")
    }


def test_every_night_brings_every_file_with_its_header(three_nights: Path) -> None:
    for folder in sorted(three_nights.glob("Y*")):
        assert all(NAME.match(path.name) for path in folder.iterdir())
        for night in (1, 2, 3):
            files = read_night(folder, night)
            assert files.keys() == COLUMNS.keys()
            for file, rows in files.items():
                assert rows, (folder.name, night, file)
                assert tuple(rows[0]) == COLUMNS[file]


def test_all_fields_are_quoted_and_the_last_line_ends(three_nights: Path) -> None:
    for path in (three_nights / "Y99001").iterdir():
        text = path.read_text()
        assert text.endswith('"\n')
        assert all(line.startswith('"') and line.endswith('"') for line in text.splitlines())


def test_a_cut_file_ends_in_the_middle_of_a_row_and_comes_again_whole(first_night: Path, three_nights: Path) -> None:
    (broken,) = (first_night / "Y99008").glob("291_CareRecord_Observation_*")
    whole = three_nights / "Y99008" / broken.name
    cut, full = broken.read_bytes(), whole.read_bytes()
    assert full.startswith(cut)
    assert len(full) > len(cut) + 1
    assert not cut.endswith(b"\n")
    last = cut.rsplit(b"\n", 1)[1]
    assert 0 < last.count(b'","') < len(COLUMNS["CareRecord_Observation"]) - 1


def test_a_changed_header_has_one_column_more_and_comes_again_without_it(tmp_path: Path) -> None:
    simulate(tmp_path, **TINY, changed_header=2)
    (path,) = (tmp_path / "Y99002").glob("291_CareRecord_Observation_*")
    header = path.read_text().splitlines()[0]
    assert header.endswith(',"PatientComment"')
    simulate(tmp_path, **TINY, night=2)
    assert "PatientComment" not in path.read_text().splitlines()[0]


def test_nhs_numbers_are_valid_test_numbers_unique_but_for_shared_people(first_night: Path) -> None:
    held: Counter[str] = Counter()
    for number in range(1, 9):
        own = {row["NhsNumber"].replace(" ", "") for row in patients_of(first_night, number)} - {""}
        assert sum(not nhs_number_is_valid(text) for text in own) <= 1
        assert all(text.startswith("999") for text in own)
        held.update(own)
    assert Counter(held.values())[2] == 8  # two people at each of four pairs of practices
    assert max(held.values()) == 2


def test_a_shared_person_is_the_same_at_both_practices(first_night: Path) -> None:
    one, two = ({row["NhsNumber"]: row for row in patients_of(first_night, number)} for number in (1, 2))
    shared = one.keys() & two.keys() - {""}
    assert len(shared) == 2
    for nhs_number in shared:
        for column in ("DateOfBirth", "Surname", "GivenName", "Sex"):
            assert one[nhs_number][column] == two[nhs_number][column]
        assert one[nhs_number]["PatientGuid"] != two[nhs_number]["PatientGuid"]


def test_later_nights_bring_new_changed_and_deleted_records(three_nights: Path) -> None:
    earlier = read_night(three_nights / "Y99001", 1)
    later = read_night(three_nights / "Y99001", 2)
    for file in TABLE_OF_FILE:
        record = COLUMNS[file][0]
        before = {row[record]: row for row in earlier[file]}
        now = later[file]
        if file not in ("Admin_Organisation", "Admin_UserInRole"):
            assert any(row[record] not in before for row in now), file
        assert any(before.get(row[record], row) != row for row in now), file
        if "Deleted" in COLUMNS[file]:
            assert any(row["Deleted"] == "true" and row[record] in before for row in now), file


def test_a_tombstone_says_who_and_which_and_nothing_else(three_nights: Path) -> None:
    kept = {"PatientGuid", "OrganisationGuid", "Deleted", "ProcessingId"}
    for night in (2, 3):
        for file, rows in read_night(three_nights / "Y99002", night).items():
            for row in rows:
                if row.get("Deleted") == "true":
                    said = {name for name, text in row.items() if text}
                    assert said == {COLUMNS[file][0], *kept}, file


def test_code_tables_come_whole_each_night(three_nights: Path) -> None:
    one, two = (read_night(three_nights / "Y99001", night) for night in (1, 2))
    for file in ("Coding_ClinicalCode", "Coding_DrugCode"):
        assert [row | {"ProcessingId": ""} for row in one[file]] == [row | {"ProcessingId": ""} for row in two[file]]


def test_free_text_names_patients_and_the_canaries_hold_every_identifier(three_nights: Path) -> None:
    canaries = {kind: set(texts) for kind, texts in canaries_of(three_nights).items()}
    columns = {
        "NhsNumber": "nhs_numbers",
        "PatientGuid": "patient_guids",
        "PatientNumber": "local_numbers",
        "Surname": "names",
        "GivenName": "names",
        "NumberAndStreet": "streets",
        "HomePhone": "phones",
        "MobilePhone": "phones",
        "EmailAddress": "emails",
        "Postcode": "postcodes",
    }
    for row in [*patients_of(three_nights, 4), *patients_of(three_nights, 4, 2)]:
        for column, kind in columns.items():
            assert not row[column] or row[column] in canaries[kind], column
    texts = [row["AssociatedText"] for row in read_night(three_nights / "Y99004", 1)["CareRecord_Observation"]]
    assert sum(any(word in text for word in canaries["words"]) for text in texts) > 20


def test_all_ten_kinds_of_data_are_there(first_night: Path) -> None:
    files = read_night(first_night / "Y99001", 1)
    types = Counter(row["ObservationType"] for row in files["CareRecord_Observation"])
    assert {"Observation", "Value", "Investigation", "Problem", "Immunisation", "Allergy", "Referral"} <= types.keys()
    assert all(files[file] for file in TABLE_OF_FILE)


def test_some_patients_have_far_more_rows_than_others(tmp_path: Path) -> None:
    simulate(tmp_path, practices=1, patients=400, entries_per_patient=100, trouble=False)
    rows = Counter(row["PatientGuid"] for row in read_night(tmp_path / "Y99001", 1)["CareRecord_Observation"])
    counts = sorted(rows.values())
    assert 45 < sum(counts) / 400 < 75
    assert counts[-1] > 8 * counts[200]


def test_without_trouble_nothing_is_held_back_but_for_its_age(tmp_path: Path) -> None:
    simulate(tmp_path, **TINY | {"practices": 5}, trouble=False)
    truth = json.loads((tmp_path / "truth.json").read_text())
    for practice in truth["practices"].values():
        assert practice["nights"]["1"]["trouble"] is None
        for row in practice["nights"]["1"]["tables"].values():
            assert row["held_back"].keys() <= {"outside_look_back"}
            assert row["quarantined"] == row["central_quarantined"] == {}


@pytest.mark.parametrize("patients", [1, 2, 3, 7])
def test_a_very_small_practice_can_be_simulated(tmp_path: Path, patients: int) -> None:
    for night in (1, 2):
        summary = simulate(tmp_path, practices=2, patients=patients, entries_per_patient=3, night=night)
    assert summary["practices"] == 2


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat, match="emis_csv"):
        simulate(tmp_path, format="vision")


def test_half_a_million_rows_take_seconds(tmp_path: Path) -> None:
    seconds, summary = _timed(tmp_path)
    assert summary["rows"] > 450_000
    assert seconds < 15


def _timed(out: Path) -> tuple[float, dict[str, Any]]:
    import time

    start = time.process_time()
    summary = simulate(out, practices=2, patients=500, entries_per_patient=450)
    return time.process_time() - start, summary


def test_patients_are_born_then_registered_and_do_not_die_before(first_night: Path) -> None:
    rows = [row for number in range(1, 9) for row in patients_of(first_night, number)]
    assert all(row["DateOfBirth"] <= row["DateOfRegistration"] for row in rows)
    assert sum(row["DateOfBirth"] < row["DateOfRegistration"] for row in rows) > len(rows) / 2
    assert all(row["DateOfBirth"] < row["DateOfDeath"] for row in rows if row["DateOfDeath"])
