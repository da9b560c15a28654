"""Small UK Core R4 exports made for one test each, and where the two independent American ones are, if they are."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.fhir_r4.adapter import FhirR4
from source_zone.identified import ReadTally

PRACTICE = "Y99001"
NHS_NUMBER = "9990548609"  # of the range that is never issued
NHS_NUMBER_SYSTEM = "https://fhir.nhs.uk/Id/nhs-number"
ODS_SYSTEM = "https://fhir.nhs.uk/Id/ods-organization-code"
SNOMED = "http://snomed.info/sct"
UK_SITE = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-"
NIGHT = "20260902T010000Z"

Resource = dict[str, Any]
Rows = dict[str, list[Resource]]


def coded(code: str = "22298006", system: str = SNOMED, **more: Any) -> Resource:
    return {"coding": [{"system": system, "code": code, **more}]}


def labelled(code: str) -> Resource:
    return {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code}]}


def a_patient(**elements: Any) -> Resource:
    patient = {
        "resourceType": "Patient",
        "id": "P1",
        "identifier": [{"system": NHS_NUMBER_SYSTEM, "value": NHS_NUMBER}],
        "gender": "female",
        "birthDate": "1950-06-01",
        "managingOrganization": {"identifier": {"system": ODS_SYSTEM, "value": PRACTICE}},
    }
    return patient | elements


def an_entry(kind: str = "Observation", **elements: Any) -> Resource:
    own = {"resourceType": kind, "id": f"{kind[0]}1", "subject": {"reference": "Patient/P1"}}
    return own | {"status": "final", "code": coded(), "effectiveDateTime": "2020-03-01"} | elements


def a_resource(kind: str, **elements: Any) -> Resource:
    return {"resourceType": kind, "id": f"{kind[0]}1"} | elements


def write_export(folder: Path, *resources: Resource, night: str = NIGHT, **manifest: Any) -> Path:
    """A file a type, in the order of the resources. `deleted` are names (`Type/id`)."""
    export = folder / night
    export.mkdir(parents=True)
    kinds = list(dict.fromkeys(each["resourceType"] for each in resources))
    output = [_file(export, kind, [each for each in resources if each["resourceType"] == kind]) for kind in kinds]
    names = manifest.pop("deleted", [])
    requests = [{"request": {"method": "DELETE", "url": name}} for name in names]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": requests}
    deleted = [_file(export, "Bundle", [bundle])] if names else []
    content = {"transactionTime": _instant(night), "request": "https://x/$export", "output": output, "deleted": deleted}
    (export / "manifest.json").write_text(json.dumps(content | manifest))
    return export


def _instant(night: str) -> str:
    return f"{night[:4]}-{night[4:6]}-{night[6:8]}T{night[9:11]}:{night[11:13]}:{night[13:15]}Z"


def _file(export: Path, kind: str, resources: list[Resource]) -> Resource:
    name = f"{kind}.ndjson"
    (export / name).write_text("".join(json.dumps(each) + "\n" for each in resources))
    return {"type": kind, "url": f"https://x/files/{name}", "count": len(resources)}


def read(folder: Path, tally: ReadTally | None = None, policy: Policy | None = None) -> Rows:
    """All rows of the folder's last export, by table; what the adapter remembers stays in the tally."""
    adapter = FhirR4(PRACTICE, policy or Policy())
    extract = adapter.find_extracts(folder)[-1]
    rows: Rows = {}
    for batch in adapter.read(extract, tally or ReadTally()):
        assert isinstance(batch.rows, pa.RecordBatch)
        rows.setdefault(batch.table, []).extend(batch.rows.to_pylist())
    return rows


def read_one(folder: Path, *resources: Resource) -> Rows:
    """The rows of an export of just these."""
    write_export(folder, *resources)
    return read(folder)


def american_export(source: Path, folder: Path, *, at_this_practice: bool = False) -> Path:
    """A copy of an independent export in the layout of a delivery; perhaps with its patients said to be registered here."""
    export = folder / NIGHT
    export.mkdir(parents=True)
    output = []
    for path in sorted(source.glob("*.ndjson.gz")):
        kind = path.name.split(".")[-3]
        lines = gzip.decompress(path.read_bytes()).splitlines()
        if at_this_practice and kind == "Patient":
            here = {"managingOrganization": {"identifier": {"system": ODS_SYSTEM, "value": PRACTICE}}, "meta": {}}
            lines = [json.dumps(json.loads(line) | here).encode() for line in lines]
        (export / path.name).write_bytes(gzip.compress(b"\n".join([*lines, b""]), 1))
        output.append({"type": kind, "url": f"https://x/{path.name}", "file": path.name, "count": len(lines)})
    manifest = {"transactionTime": _instant(NIGHT), "request": "https://x/$export", "output": output, "error": []}
    (export / "manifest.json").write_text(json.dumps(manifest))
    return export
