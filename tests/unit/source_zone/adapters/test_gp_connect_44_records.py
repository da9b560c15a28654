"""The 44 independent records: every coded entry is a row, or counted by name. The counting here knows none of our code."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from source_zone.identified import ReadTally
from support.gp_connect_bundles import FOLDERS, RECORDS, Resource, needs_records, read, resources

pytestmark = pytest.mark.needs_shared

ENTRIES = (
    "Observation",
    "DiagnosticReport",
    "Immunization",
    "ProcedureRequest",
    "AllergyIntolerance",
    "MedicationRequest",
    "MedicationStatement",
    "ReferralRequest",
    "Condition",
    "Encounter",
)
MADE_COARSE_LATER = ("postcode", "value_unit", "quantity_unit")
CLINICAL = ("observation", "immunisation", "recall", "allergy", "medication", "referral", "problem", "encounter")


@dataclass(frozen=True)
class Practice:
    """One folder, as the JSON has it and as the adapter reads it."""

    resources: list[Resource]
    rows: dict[str, list[Resource]]
    tally: ReadTally


@pytest.fixture(scope="module", params=FOLDERS)
def practice(request: pytest.FixtureRequest) -> Practice:
    needs_records()
    tally = ReadTally()
    rows = read(RECORDS / request.param, tally)
    return Practice(list(resources(RECORDS / request.param)), rows, tally)


def is_coded_document(resource: Resource) -> bool:
    return resource["resourceType"] == "DocumentReference" and bool(resource["type"].get("coding"))


def coded_components(resource: Resource) -> int:
    return sum(1 for each in resource.get("component", []) if each["code"].get("coding"))


def test_every_entry_is_a_row_or_counted(practice: Practice) -> None:
    rows, tally = practice.rows, practice.tally
    found = Counter(resource["resourceType"] for resource in practice.resources)
    components = sum(coded_components(each) for each in practice.resources)
    filed_under_a_code = sum(1 for each in practice.resources if is_coded_document(each))
    entries = sum(found[kind] for kind in ENTRIES) + components + filed_under_a_code
    assert entries > 500
    assert sum(len(rows.get(table, [])) for table in CLINICAL) + tally.not_collected["MedicationStatement"] == entries


def test_every_resource_of_any_kind_is_accounted_for(practice: Practice) -> None:
    rows, tally = practice.rows, practice.tally
    found = Counter(resource["resourceType"] for resource in practice.resources)
    for kind, table in (("Patient", "patient"), ("Organization", "organisation")):
        assert len(rows[table]) + tally.reference_rows[f"repeated_{kind}"] == found[kind]
    roles = tally.reference_rows["PractitionerRole"] + tally.reference_rows["repeated_PractitionerRole"]
    assert roles == found["PractitionerRole"]
    assert tally.reference_rows["Medication"] == found["Medication"]
    documents = found["DocumentReference"] - sum(1 for each in practice.resources if is_coded_document(each))
    assert tally.not_collected["DocumentReference"] == documents
    for kind in ("List", "Location", "HealthcareService", "Specimen", "QuestionnaireResponse"):
        assert tally.not_collected[kind] == found[kind]


def test_every_snomed_code_of_an_entry_reaches_a_row(practice: Practice) -> None:
    """By multiset, whatever the order: codes read straight from the JSON against codes in the rows."""
    expected: Counter[str] = Counter()
    for resource in practice.resources:
        for concept in own_concepts(resource):
            snomed = [
                each["code"].strip()
                for each in concept.get("coding", [])
                if each.get("system") == "http://snomed.info/sct"
            ]
            expected.update(snomed[:1])
    rows = practice.rows
    got = Counter(
        row["snomed_concept_id"]
        for table in CLINICAL
        if table != "medication"
        for row in rows.get(table, [])
        if row["snomed_concept_id"]
    )
    malformed = sum(1 for table in CLINICAL for row in rows.get(table, []) if row["fault"] == "malformed_code")
    missing = expected - got
    assert got - expected == Counter()
    assert missing.total() == malformed
    assert got.total() > 200


def own_concepts(resource: Resource) -> list[dict[str, Any]]:
    kind = resource["resourceType"]
    if kind == "Immunization":
        return [each["valueCodeableConcept"] for each in resource["extension"] if "VaccinationProcedure" in each["url"]]
    if kind == "ReferralRequest":
        return list(resource["reasonCode"])
    if kind == "DocumentReference":
        return [resource["type"]]
    if kind in ("Observation", "DiagnosticReport", "ProcedureRequest", "AllergyIntolerance", "Condition"):
        return [resource["code"], *(each["code"] for each in resource.get("component", []))]
    return []


def test_no_word_of_free_text_is_in_any_row(practice: Practice) -> None:
    """Names, addresses, notes, displays: every text of two words or more found anywhere in the bundles.

    Not the postcode, and not units: those are made coarse by minimisation, which counts words outside its lists.
    """
    texts = {text for resource in practice.resources for text in prose(resource)}
    assert len(texts) > 300
    plain = [
        {k: v for k, v in row.items() if k not in MADE_COARSE_LATER}
        for table in practice.rows.values()
        for row in table
    ]
    written = json.dumps(plain, default=str)
    assert [text for text in texts if text in written] == []


def prose(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [each for inner in value.values() for each in prose(inner)]
    if isinstance(value, list):
        return [each for inner in value for each in prose(inner)]
    return [value] if isinstance(value, str) and " " in value.strip() and len(value) > 6 else []


def test_hardly_anything_is_quarantined(practice: Practice) -> None:
    rows = practice.rows
    faults = Counter(row["fault"] for table in rows.values() for row in table)
    sound = faults.pop(None)
    faults.pop("degraded_entry", None)  # no fault of the record's: see below
    assert faults.total() / sound < 0.02, faults


DEGRADED = {"1964" + middle for middle in ("11000000103", "21000000109", "51000000104", "61000000101")}


def test_an_entry_whose_only_code_says_that_it_was_degraded_stays(practice: Practice) -> None:
    """Found in the JSON by the codes alone: of Medication resources, each prescription that points to one."""
    medications = {
        f"Medication/{each['id']}"
        for each in practice.resources
        if each["resourceType"] == "Medication" and is_degraded(each["code"])
    }
    in_place = [each for each in practice.resources if each["resourceType"] != "Medication"]
    expected = sum(1 for each in in_place for concept in own_concepts(each) if is_degraded(concept))
    prescriptions = [each for each in practice.resources if each["resourceType"] == "MedicationRequest"]
    expected += sum(1 for each in prescriptions if each["medicationReference"]["reference"] in medications)
    rows = [row for table in practice.rows.values() for row in table]
    of_others = sum(row["fault"] == "patient_not_in_bundle" and row["snomed_concept_id"] in DEGRADED for row in rows)
    got = sum(row["fault"] == "degraded_entry" for row in rows)
    assert got + of_others == expected
    assert got > 5


def is_degraded(concept: dict[str, Any]) -> bool:
    codes = {str(each.get("code")) for each in concept.get("coding", [])} - {"UNK", "9bJ3.00"}
    return bool(codes) and codes <= DEGRADED


def test_warnings_of_lists_are_counted_once_a_record(practice: Practice) -> None:
    records = {id(each): each for each in practice.resources if each["resourceType"] == "List"}
    said = {
        extension["valueCode"]
        for each in records.values()
        for extension in each.get("extension", [])
        if "ListWarningCode" in extension["url"]
    }
    counted = {
        name.removeprefix("incomplete_records.") for name in practice.tally.not_collected if "incomplete" in name
    }
    assert counted == {each.replace("-", "_") for each in said}
    assert counted
