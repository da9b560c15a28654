"""Small GP Connect bundles made for one test each, and where the 44 independent ones are, if they are."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from crossing.policy import Policy
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.identified import ReadTally

NHS_NUMBER = "9990548609"  # of the range that is never issued
NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
RECORDS = Path(__file__).parents[2].parent / "shared" / "data" / "gpconnect"
FOLDERS = ("demonstrator", "gp2gp_uat_TC4", "psa_daisy")

Resource = dict[str, Any]


def needs_records() -> None:
    if not RECORDS.is_dir():
        pytest.skip("the 44 independent GP Connect records are not beside this checkout (../shared/data/gpconnect)")


def a_patient(nhs_number: str = NHS_NUMBER, **elements: Any) -> Resource:
    identifier = [{"system": NHS_NUMBER_SYSTEM, "value": nhs_number}]
    patient = {
        "resourceType": "Patient",
        "id": "P1",
        "identifier": identifier,
        "gender": "female",
        "birthDate": "1950-06-01",
    }
    return patient | elements


def coded(code: str = "22298006", system: str = SNOMED, **more: Any) -> Resource:
    return {"coding": [{"system": system, "code": code, **more}]}


def an_observation(**elements: Any) -> Resource:
    observation = {
        "resourceType": "Observation",
        "id": "O1",
        "status": "final",
        "code": coded(),
        "subject": {"reference": "Patient/P1"},
        "effectiveDateTime": "2020-03-01",
    }
    return observation | elements


def a_bundle(*resources: Resource, patient: Resource | None = None, **elements: Any) -> Resource:
    whole = [a_patient() if patient is None else patient, *resources]
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in whole]} | elements


def write(folder: Path, *bundles: Resource) -> Path:
    for number, bundle in enumerate(bundles):
        (folder / f"record_{number}.json").write_text(json.dumps(bundle))
    return folder


def read(folder: Path, tally: ReadTally | None = None) -> dict[str, list[Resource]]:
    """All rows of the folder's one extract, by table."""
    adapter = GPConnect("Y99001", Policy())
    (extract,) = adapter.find_extracts(folder)
    rows: dict[str, list[Resource]] = {}
    for batch in adapter.read(extract, tally or ReadTally()):
        assert isinstance(batch.rows, pa.RecordBatch)
        rows.setdefault(batch.table, []).extend(batch.rows.to_pylist())
    return rows


def resources(folder: Path) -> Iterator[Resource]:
    """Every resource of every bundle of a folder, the contained ones too, found without any code of ours."""
    for path in sorted(folder.glob("*.json")):
        for entry in json.loads(path.read_bytes())["entry"]:
            yield entry["resource"]
            yield from entry["resource"].get("contained", [])
