"""The answer sheet agrees with a slow reading of the files themselves."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.simulate import simulate
from unit.simulator.read_back import PracticeReader, read_night

POLICY = Path(__file__).parents[3] / "include" / "policy"
NIGHTS = 3


@pytest.fixture(scope="module")
def three_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated")
    for night in range(1, NIGHTS + 1):
        simulate(
            out,
            practices=8,
            patients=100,
            entries_per_patient=40,
            night=night,
            changed_header=3 if night == 2 else None,
        )
    return out


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
