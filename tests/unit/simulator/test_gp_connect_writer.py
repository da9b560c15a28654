"""GP Connect as the simulator writes it: whole records, one Bundle a patient, a folder a night."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from simulator.simulate import simulate

PRACTICE, NIGHTS = "Y99001", ("20260902010000", "20260903010000")
Bundles = dict[str, Any]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nights")
    for night in (1, 2):
        simulate(root, format="gp_connect", practices=1, patients=60, entries_per_patient=10, night=night)
    return root


def bundles(out: Path, night: str) -> Bundles:
    return {path.stem: json.loads(path.read_text()) for path in (out / PRACTICE / night).glob("*.json")}


def resources(bundle: Any) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"]]


def test_each_night_is_a_folder_and_nothing_half_written_is_left(out: Path) -> None:
    assert sorted(path.name for path in (out / PRACTICE).iterdir()) == [*NIGHTS]


def test_a_bundle_is_the_record_of_one_patient(out: Path) -> None:
    for name, bundle in bundles(out, NIGHTS[0]).items():
        kinds = Counter(each["resourceType"] for each in resources(bundle))
        assert kinds["Patient"] == 1
        assert kinds["List"] == 10
        assert "Appointment" not in kinds
        assert resources(bundle)[0]["id"] == name


def test_what_an_entry_names_is_in_the_bundle(out: Path) -> None:
    for bundle in bundles(out, NIGHTS[1]).values():
        here = {f"{each['resourceType']}/{each['id']}" for each in resources(bundle)}
        for kind in ("Practitioner", "Organization", "Medication"):
            named = {each for each in _references(bundle) if each.startswith(f"{kind}/")}
            assert named <= here


def test_only_some_records_differ_the_next_night(out: Path) -> None:
    first, second = (bundles(out, night) for night in NIGHTS)
    both = first.keys() & second.keys()
    changed = [name for name in both if first[name] != second[name]]
    assert 0 < len(changed) < len(both)
    assert len(first.keys() - second.keys()) == 1, "who is deleted is not asked for any more"


def test_the_answer_sheet_counts_what_changed_and_what_did_not(out: Path) -> None:
    nights = json.loads((out / "truth.json").read_text())["practices"][PRACTICE]["nights"]
    assert "unchanged_entries" not in nights["1"]["reference_rows"]
    assert nights["2"]["reference_rows"]["unchanged_entries"] > 0
    assert 0 < nights["2"]["tables"]["observation"]["read"] < nights["1"]["tables"]["observation"]["read"]


def test_a_deleted_objection_is_still_there_and_says_that_it_was_an_error(tmp_path: Path) -> None:
    for number in range(1, 9):  # not every practice has somebody who objected by mistake
        for night in (1, 2):
            how = {"practices": 1, "first_practice": number, "patients": 60, "entries_per_patient": 3}
            simulate(tmp_path / str(number), format="gp_connect", night=night, cut_off=None, **how)
        folder = tmp_path / str(number) / f"Y9900{number}" / NIGHTS[1]
        if "entered-in-error" in "".join(path.read_text() for path in folder.glob("*.json")):
            return
    pytest.fail("no practice of eight has a deleted objection")


@pytest.mark.parametrize("trouble", ["cut_off", "changed_header"])
def test_trouble_is_in_one_file_and_repaired_the_next_night(tmp_path: Path, trouble: str) -> None:
    how: dict[str, Any] = {"format": "gp_connect", "practices": 1, "patients": 12, "entries_per_patient": 3}
    simulate(tmp_path / "sound", night=1, cut_off=None, **how)
    sound = _texts(tmp_path / "sound")
    broken = {"cut_off": None, trouble: 1}
    simulate(tmp_path / "broken", night=1, **how, **broken)
    assert sum(text != sound[name] for name, text in _texts(tmp_path / "broken").items()) == 1
    simulate(tmp_path / "broken", night=2, **how, cut_off=broken["cut_off"])
    assert _texts(tmp_path / "broken") == sound


def _texts(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (out / PRACTICE / NIGHTS[0]).glob("*.json")}


def _references(value: Any) -> set[str]:
    if isinstance(value, list):
        return {each for inner in value for each in _references(inner)}
    if not isinstance(value, dict):
        return set()
    own = {value["reference"]} if isinstance(value.get("reference"), str) else set()
    return own | {each for inner in value.values() for each in _references(inner)}
