"""A dissent, or a code the law restricts, is seen wherever in a resource it stands; and deletions find their patient."""

import json
from pathlib import Path
from typing import Any

import pytest

from source_zone.identified import ReadTally
from source_zone.release_practice import release_practice
from support.fhir_exports import (
    NHS_NUMBER_SYSTEM,
    SNOMED,
    UK_SITE,
    a_patient,
    a_resource,
    an_entry,
    coded,
    read,
    read_one,
    write_export,
)
from support.source_zone import a_practice, make_source_zone

DISSENT, WITHDRAWAL = "827241000000103", "827261000000102"
PATIENT = {"reference": "Patient/P1"}
SOMEWHERE = [
    {"category": [coded(DISSENT)]},
    {"method": coded(DISSENT)},
    {"valueCodeableConcept": coded(DISSENT)},
    {"valueString": f" {DISSENT} "},
    {"interpretation": [coded(DISSENT, "urn:own")]},
    {"component": [{"code": coded(DISSENT)}]},
    {"component": [{"code": coded(), "valueCodeableConcept": coded("9Nu0.00", "http://read.info/readv2")}]},
    {"contained": [{"resourceType": "Observation", "id": "x", "code": coded("XaZ89", "http://read.info/ctv3")}]},
    {"extension": [{"url": f"{UK_SITE}Evidence", "valueCodeableConcept": coded(DISSENT)}]},
    {"extension": [{"url": f"{UK_SITE}Evidence", "valueCode": DISSENT}]},
    {"_status": {"extension": [{"url": "x", "valueCode": DISSENT}]}},
    {"code": {"coding": [*coded()["coding"], {"system": "urn:own", "code": int(DISSENT)}]}},
    {"code": {"coding": [*coded()["coding"], {"system": "urn:own", "code": f"dissent: {DISSENT}."}]}},
]


@pytest.mark.parametrize("elements", SOMEWHERE)
def test_a_dissent_is_among_the_codes_wherever_it_stands(tmp_path: Path, elements: dict[str, Any]) -> None:
    rows = read_one(tmp_path, an_entry(**elements))["observation"]
    for row in rows:
        every = " ".join(str(row[name]) for name in ("snomed_concept_id", "local_code", "further_codes"))
        assert DISSENT in every or "9Nu0." in every or "XaZ89" in every


@pytest.mark.parametrize("disguise", ["\\u0038", "\\u0038\\u0032"])
def test_a_code_written_in_escapes_is_the_code(tmp_path: Path, disguise: str) -> None:
    plain = json.dumps(an_entry(method=coded(DISSENT)))
    characters = len(disguise) // 6
    export = write_export(tmp_path, an_entry())
    (export / "Observation.ndjson").write_text(plain.replace(DISSENT, disguise + DISSENT[characters:]) + "\n")
    (row,) = read(tmp_path)["observation"]
    assert DISSENT in row["further_codes"]


@pytest.mark.parametrize("name", ["\\u0063ode", "c\\u006fde", "cod\\u0065"])
def test_an_escaped_name_does_not_hide_a_code(tmp_path: Path, name: str) -> None:
    export = write_export(tmp_path, an_entry())
    line = json.dumps(an_entry(method=coded(DISSENT))).replace(f'"code": "{DISSENT}', f'"{name}": "{DISSENT}')
    (export / "Observation.ndjson").write_text(line + "\n")
    (row,) = read(tmp_path)["observation"]
    assert DISSENT in row["further_codes"]


@pytest.mark.parametrize(
    "resource",
    [
        a_resource("Consent", patient=PATIENT, provision={"code": [coded(DISSENT)]}),
        a_resource("QuestionnaireResponse", subject=PATIENT, item=[{"answer": [{"valueCoding": {"code": DISSENT}}]}]),
        a_resource("Flag", subject={"reference": "https://host/fhir/Patient/P1"}, code=coded("9Nu0.")),
        a_resource("Coverage", beneficiary=PATIENT, type=coded(DISSENT)),
        a_resource("Appointment", status="booked", participant=[{"actor": PATIENT}], reasonCode=[coded(DISSENT)]),
        a_resource("DocumentReference", status="current", subject=PATIENT, category=[coded(DISSENT)]),
        a_patient(extension=[{"url": f"{UK_SITE}TreatmentCategory", "valueCode": DISSENT}]),
        a_resource("Consent", patient=PATIENT, provision="9Nu0", scope=coded(DISSENT)),
    ],
)
def test_an_objection_of_another_kind_counts_and_stays(tmp_path: Path, resource: dict[str, Any]) -> None:
    resource = {"id": "P1"} | resource
    (row,) = read_one(tmp_path, resource)["observation"]
    assert row["fault"] == "objection_in_another_kind"
    assert {"827241000000103", "9Nu0."} & set(row["further_codes"].split())
    assert row["registration_id"] == "Patient/P1"


NUMBER = {"system": NHS_NUMBER_SYSTEM, "value": "999 054 8609"}


@pytest.mark.parametrize(
    "subject",
    [
        {"identifier": NUMBER},
        {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000", "identifier": NUMBER},
        {"reference": "#p", "identifier": NUMBER},
        {"reference": "Patient/P1 "},
    ],
)
@pytest.mark.parametrize("kind", ["an entry", "an entry of another shape", "a kind that is left"])
def test_a_dissent_is_its_patients_however_they_are_named(tmp_path: Path, subject: dict[str, Any], kind: str) -> None:
    dissent = {
        "an entry": an_entry(code=coded(DISSENT), subject=subject),
        "an entry of another shape": an_entry(code=coded(DISSENT), subject=subject, component={"code": 1}),
        "a kind that is left": a_resource("Consent", patient=subject, scope=coded(DISSENT)),
    }[kind]
    rows = read_one(tmp_path, a_patient(), dissent)["observation"]
    assert "Patient/P1" in [row["registration_id"] for row in rows]


def test_a_dissent_by_the_number_of_somebody_who_comes_later_names_the_number(tmp_path: Path) -> None:
    rows = read_one(tmp_path, an_entry(code=coded(DISSENT), subject={"identifier": NUMBER}))["observation"]
    assert [row["registration_id"] for row in rows] == [None, "9990548609"]


def test_a_patient_that_cannot_be_read_stays(tmp_path: Path) -> None:
    rows = read_one(tmp_path, a_patient(identifier="9990548609"))
    assert [(row["record_id"], row["fault"]) for row in rows["patient"]] == [("Patient/P1", "malformed_resource")]


def test_a_malformed_entry_still_shows_its_codes(tmp_path: Path) -> None:
    (row,) = read_one(tmp_path, an_entry(component={"code": coded(DISSENT)}))["observation"]
    assert (row["registration_id"], row["fault"]) == ("Patient/P1", "malformed_resource")
    assert DISSENT in row["further_codes"]


@pytest.mark.parametrize(
    ("elements", "fault"),
    [
        ({"code": coded(WITHDRAWAL)}, None),
        ({"code": coded("9Nu1.00", "http://read.info/readv2")}, None),
        ({"code": coded(WITHDRAWAL), "status": "preliminary"}, "unsure_withdrawal"),
        ({"code": coded(), "method": coded(WITHDRAWAL)}, "unsure_withdrawal"),
        ({"code": coded(), "component": [{"code": coded(WITHDRAWAL)}]}, "unsure_withdrawal"),
    ],
)
def test_a_withdrawal_counts_only_where_it_is_beyond_doubt(
    tmp_path: Path, elements: dict[str, Any], fault: str | None
) -> None:
    assert read_one(tmp_path, an_entry(**elements))["observation"][0]["fault"] == fault


def test_a_drug_of_its_own_shows_all_its_codes_with_the_request(tmp_path: Path) -> None:
    drug = a_resource("Medication", code={"coding": [*coded()["coding"], *coded(DISSENT)["coding"]]})
    request = a_resource("MedicationRequest", status="active", medicationReference={"reference": "Medication/M1"})
    (row,) = read_one(tmp_path, drug, request)["medication"]
    assert DISSENT in row["further_codes"]


@pytest.mark.parametrize("system", ["https://snomed.info/sct", f"{SNOMED}/", f" {SNOMED}"])
def test_a_system_spelt_otherwise_is_the_system(tmp_path: Path, system: str) -> None:
    (row,) = read_one(tmp_path, an_entry(code=coded(DISSENT, system)))["observation"]
    assert row["snomed_concept_id"] == DISSENT


def test_a_deletion_finds_the_patient_and_the_table(tmp_path: Path) -> None:
    tally = ReadTally()
    parts = [{"code": coded("271649006")}, {"code": coded("271650006")}]
    recall = a_resource("ServiceRequest", status="active", intent="plan", code=coded(), subject=PATIENT)
    write_export(tmp_path, a_patient(), an_entry(component=parts), recall)
    read(tmp_path, tally)
    names = ["Observation/O1", "ServiceRequest/S1", "Patient/P1", "Organization/O9", "Claim/C1", "Condition/none"]
    write_export(tmp_path, an_entry(id="O2"), night="20260903T010000Z", deleted=[*names, "Observation/O2"])
    rows = read(tmp_path, tally)
    buried = {
        table: [(row["record_id"], row.get("registration_id")) for row in found if row["is_deleted"]]
        for table, found in rows.items()
    }
    assert buried == {
        "observation": [
            ("Observation/O1", "Patient/P1"),
            ("Observation/O1#0", "Patient/P1"),
            ("Observation/O1#1", "Patient/P1"),
            ("Observation/O2", "Patient/P1"),
        ],
        "recall": [("ServiceRequest/S1", "Patient/P1")],
        "patient": [("Patient/P1", "Patient/P1")],
        "organisation": [("Organization/O9", None)],
        "problem": [("Condition/none", None)],
    }
    assert tally.not_collected["Claim_deleted"] == 1
    last = [row["is_deleted"] for row in rows["observation"] if row["record_id"] == "Observation/O2"]
    assert last == [False, True]  # what is deleted was sent before


def test_what_is_remembered_of_owners_is_small_and_holds_no_record_id(tmp_path: Path) -> None:
    tally = ReadTally()
    write_export(tmp_path, *(an_entry(id=f"secret-{n}") for n in range(1000)))
    read(tmp_path, tally)
    owners = tally.remembered["fhir_owners"]
    assert owners.num_rows == 1000
    assert owners.nbytes == 13 * 1000


def test_a_dissent_that_comes_before_its_patient_holds_them_back(tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path)
    practice = a_practice(format_="fhir_r4")
    write_export(zone.deliveries, an_entry(code=coded(DISSENT), subject={"identifier": NUMBER}))
    release_practice(zone.release("one", practice))
    write_export(zone.deliveries, a_patient(), night="20260903T010000Z", request="https://host/$export?_since=x")
    assert release_practice(zone.release("two", practice))["patients_held_back"] == {"type_one_opt_out": 1}
