"""The answer sheet agrees with a slow reading of the files themselves."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.simulate import simulate
from unit.simulator.read_back import TABLE_OF_FILE, PracticeReader, read_night

POLICY = Path(__file__).parents[3] / "include" / "policy"
NIGHTS = 3


def truth_of(out: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((out / "truth.json").read_text())
    return truth


def read_back(out: Path, practice: str, expected: dict[str, Any]) -> dict[str, Any]:
    """The same answer sheet, made by reading."""
    reader, seen, store, nights, after = PracticeReader(POLICY), set(), set(), {}, {}
    for run in range(1, NIGHTS + 1):
        released = [night for night, row in expected["nights"].items() if row["released_on_night"] == run]
        extracts = [
            (night, read_night(out / practice, int(night)), date(2026, 9, 1) + timedelta(int(night)))
            for night in released
        ]
        for _, files, taken in extracts:
            reader.learn(files, taken)
        for night, files, taken in extracts:
            seen |= {row["PatientGuid"] for row in files["Admin_Patient"]}
            tables, registrations = reader.tables(files, taken, seen)
            store |= registrations
            may_leave, held_back = reader.patient_counts()
            nights[night] = {"tables": tables, "patients_may_leave": may_leave, "patients_held_back": held_back}
        after[str(run)] = len(store)
        reader.remember_who_was_held_back()
    return {"nights": nights, "patients": after}


@pytest.mark.parametrize("number", range(1, 9))
def test_the_answer_sheet_says_what_the_files_hold(three_nights: Path, number: int) -> None:
    code = f"Y9900{number}"
    expected = truth_of(three_nights)["practices"][code]
    found = read_back(three_nights, code, expected)
    for night, row in expected["nights"].items():
        for table, counts in row["tables"].items():
            assert found["nights"][night]["tables"][table] == counts, (night, table)
        for name in ("patients_may_leave", "patients_held_back"):
            assert found["nights"][night][name] == row[name], night
    assert found["patients"] == {night: row["patients"] for night, row in expected["store_after_night"].items()}


RESULTS = {
    "held_back": {
        *("no_patient", "unknown_patient", "test_patient", "confidential_patient", "type_one_opt_out"),
        *("left_before_start", "died_before_start", "registration_out_of_scope", "duplicate", "confidential_record"),
        *("legally_restricted_code", "withheld_with_its_observation", "outside_look_back"),
    },
    "quarantined": {"unreadable_date", "unreadable_number", "identifier_in_code", "unknown_code", "dated_before_birth"},
    "central_quarantined": {"dated_in_future"},
}


def occurrences(out: Path, where: str) -> dict[str, list[int]]:
    """For each reason, how often it occurs at each practice on night 1."""
    found: dict[str, list[int]] = {}
    for practice in truth_of(out)["practices"].values():
        for reason in RESULTS[where]:
            counts = [row[where].get(reason, 0) for row in practice["nights"]["1"]["tables"].values()]
            found.setdefault(reason, []).append(sum(counts))
    return found


@pytest.mark.parametrize("where", RESULTS)
def test_every_reason_occurs_several_times_and_at_most_practices(three_nights: Path, where: str) -> None:
    found = occurrences(three_nights, where)
    found.pop("awaits_whole_record", None)  # nobody waits on a first night
    assert found.keys() == RESULTS[where]
    for reason, counts in found.items():
        assert sum(counts) >= 5, reason
        assert sum(count > 0 for count in counts) >= 5, reason


def test_no_reason_occurs_that_the_rules_do_not_name(three_nights: Path) -> None:
    for practice in truth_of(three_nights)["practices"].values():
        for night in practice["nights"].values():
            for row in night["tables"].values():
                for where, reasons in RESULTS.items():
                    assert row[where].keys() - {"awaits_whole_record"} <= reasons


def rows_in_files(out: Path, practice: str, night: int) -> int:
    return sum(len(rows) for file, rows in read_night(out / practice, night).items() if file in TABLE_OF_FILE)


def rows_in_truth(out: Path, practice: str, night: int) -> int:
    tables = truth_of(out)["practices"][practice]["nights"][str(night)]["tables"]
    return sum(row["read"] for row in tables.values())


def test_everything_in_the_files_is_read_and_a_lost_line_is_noticed(three_nights: Path, tmp_path: Path) -> None:
    assert rows_in_files(three_nights, "Y99001", 1) == rows_in_truth(three_nights, "Y99001", 1) > 0
    for path in (three_nights / "Y99001").glob("291_*.csv"):
        lines = path.read_text().splitlines(keepends=True)
        shorter = lines[:-1] if "CareRecord_Diary" in path.name else lines
        (tmp_path / "Y99001").mkdir(exist_ok=True)
        (tmp_path / "Y99001" / path.name).write_text("".join(shorter))
    assert rows_in_files(tmp_path, "Y99001", 1) == rows_in_truth(three_nights, "Y99001", 1) - 1


def test_the_counts_close(three_nights: Path) -> None:
    for practice in truth_of(three_nights)["practices"].values():
        for night in practice["nights"].values():
            for row in night["tables"].values():
                assert row["read"] == row["sent"] + sum(row["held_back"].values()) + sum(row["quarantined"].values())
                assert row["loaded"] == row["sent"] - sum(row["central_quarantined"].values())


def test_the_store_holds_what_was_loaded_so_far(three_nights: Path) -> None:
    for practice in truth_of(three_nights)["practices"].values():
        for last, store in practice["store_after_night"].items():
            released = [row for row in practice["nights"].values() if row["released_on_night"] <= int(last)]
            for table, count in store["rows"].items():
                assert count == sum(row["tables"][table]["loaded"] for row in released)


def test_a_broken_delivery_waits_and_is_released_the_next_night(first_night: Path, three_nights: Path) -> None:
    waiting = truth_of(first_night)["practices"]["Y99008"]["nights"]["1"]
    assert (waiting["trouble"], waiting["released_on_night"], waiting["tables"]) == ("cut_file", None, {})
    practices = truth_of(three_nights)["practices"]
    assert [row["released_on_night"] for row in practices["Y99008"]["nights"].values()] == [2, 2, 3]
    assert [row["released_on_night"] for row in practices["Y99003"]["nights"].values()] == [1, 3, 3]
    assert practices["Y99003"]["nights"]["2"]["trouble"] == "changed_header"
    assert practices["Y99008"]["store_after_night"]["1"]["patients"] == 0


def test_an_answer_sheet_continued_is_the_same_as_one_made_at_once(three_nights: Path, tmp_path: Path) -> None:
    simulate(tmp_path, practices=2, patients=100, entries_per_patient=40, night=3)
    at_once, continued = truth_of(tmp_path)["practices"], truth_of(three_nights)["practices"]
    assert at_once == {code: continued[code] for code in ("Y99001", "Y99002")}


def test_what_is_booked_or_due_on_a_day_to_come_is_no_fault(three_nights: Path) -> None:
    files = read_night(three_nights / "Y99001", 1)
    tables = truth_of(three_nights)["practices"]["Y99001"]["nights"]["1"]["tables"]
    for file, column in (("Appointment_Slot", "AppointmentDate"), ("CareRecord_Diary", "EffectiveDate")):
        assert sum(row[column] > "2026-09-02" for row in files[file] if row[column].startswith("20")) > 5
        assert tables[TABLE_OF_FILE[file]]["central_quarantined"] == {}
