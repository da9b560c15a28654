"""The simulator's GPDPR XML, read back by the standard library's parser and held against its report and its answer sheet."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from simulator.simulate import simulate

NAMESPACE = "{http://www.nhsdigital.nhs.uk/GPDFSU/XMLSchema/GPDataExtract/ns}"
CONTAINERS = {"gpdata-extract", "practice-extract", "practice-directory", "practice-patient-extracts"}
CONTAINERS |= {"patient-extract-snapshot", "appointment-extract"}
SIZE = {"practices": 1, "patients": 45, "entries_per_patient": 40, "seed": 3, "cut_off": None}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpdpr")
    for night in (1, 2):
        simulate(folder, format="gpdpr_xml", night=night, **SIZE)
    return folder


def rows_in(folder: Path, stamp: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in folder.glob(f"*EXTRACT*_{stamp}_*.dat.gz"):
        root = ElementTree.fromstring(gzip.decompress(path.read_bytes()))  # noqa: S314 (our own file)
        found.update(element.tag.removeprefix(NAMESPACE) for element in root.iter())
    return Counter({name: count for name, count in found.items() if name not in CONTAINERS})


@pytest.mark.parametrize("night", ["1", "2"])
def test_a_night_holds_what_the_answer_sheet_and_the_reports_count(out: Path, night: str) -> None:
    sheet = json.loads((out / "truth.json").read_text())["practices"]["Y99001"]["nights"][night]
    rows = rows_in(out / "Y99001", sheet["extract_id"])
    expected = Counter({table: counts["read"] for table, counts in sheet["tables"].items()}) + Counter()
    expected["practitioner"] = expected.pop("staff_role")
    expected["problem-link"] = sheet["reference_rows"].get("problem_link", 0)
    assert rows == +expected
    reports = [json.loads(path.read_text()) for path in (out / "Y99001").glob(f"*REPORT_{sheet['extract_id']}.jsonl")]
    assert sum(each["actual_submissions"][0]["record_count"] for each in reports) == rows.total()


def test_every_row_of_a_snapshot_is_of_its_patient(out: Path) -> None:
    path = next((out / "Y99001").glob("GPDRP_PAT_EXTRACT*_1.dat.gz"))
    root = ElementTree.fromstring(gzip.decompress(path.read_bytes()))  # noqa: S314 (our own file)
    snapshots = [*root.iter(f"{NAMESPACE}patient-extract-snapshot")]
    assert len(snapshots) > SIZE["patients"]  # strangers and nobody have one as well
    for snapshot in snapshots:
        whose = {row.get("registration_id") or row.get("id") for row in snapshot if row.get("registration_id")}
        patients = {row.get("id") for row in snapshot if row.tag == f"{NAMESPACE}patient"}
        assert len(whose | patients) <= 1


def test_the_same_arguments_give_the_same_bytes(out: Path, tmp_path: Path) -> None:
    for night in (1, 2):
        simulate(tmp_path, format="gpdpr_xml", night=night, **SIZE)
    assert _digests(tmp_path) == _digests(out)


def test_a_broken_delivery_comes_again_whole(tmp_path: Path) -> None:
    for night in (1, 2):
        simulate(tmp_path, format="gpdpr_xml", night=night, **{**SIZE, "cut_off": 1})
        path = next((tmp_path / "Y99001").glob("GPDRP_PAT_EXTRACT*_1.dat.gz"))
        if night == 1:
            with pytest.raises(EOFError):
                gzip.decompress(path.read_bytes())
    assert gzip.decompress(path.read_bytes()).endswith(b"</gpdata-extract>\n")


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "Y99001").iterdir()}
