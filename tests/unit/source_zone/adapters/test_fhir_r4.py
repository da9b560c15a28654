"""What each resource of UK Core R4 becomes, and what holds it back."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from source_zone.identified import ReadTally
from support.fhir_exports import (
    NHS_NUMBER,
    NHS_NUMBER_SYSTEM,
    ODS_SYSTEM,
    PRACTICE,
    SNOMED,
    UK_SITE,
    a_patient,
    a_resource,
    an_entry,
    coded,
    labelled,
    read,
    read_one,
    write_export,
)

DISSENT = "827241000000103"


def only(rows: dict[str, list[dict[str, Any]]], table: str) -> dict[str, Any]:
    (row,) = rows[table]
    return row


def said(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value not in (None, False)}


def test_a_patient_is_what_the_resource_says(tmp_path: Path) -> None:
    period = {"url": "registrationPeriod", "valuePeriod": {"start": "2001-02-03", "end": "2025-01-01"}}
    kind = {"url": "registrationType", "valueCodeableConcept": coded("T")}
    patient = a_patient(
        deceasedDateTime="2025-01-01T10:00:00Z",
        address=[
            {"use": "old", "postalCode": "QQ9 9ZZ"},
            {"use": "home", "line": ["1 Some Street"], "postalCode": "QQ1 1AA"},
        ],
        extension=[{"url": f"{UK_SITE}RegistrationDetails", "extension": [period, kind]}],
    )
    assert said(only(read_one(tmp_path, patient), "patient")) == {
        "record_id": "Patient/P1",
        "registration_id": "Patient/P1",
        "sex": "female",
        "nhs_number": NHS_NUMBER,
        "date_of_birth": date(1950, 6, 1),
        "date_of_death": date(2025, 1, 1),
        "postcode": "QQ1 1AA",
        "registered_date": date(2001, 2, 3),
        "registration_end_date": date(2025, 1, 1),
        "registration_type": "temporary",
    }


@pytest.mark.parametrize(
    ("elements", "word"),
    [
        ({}, "regular"),
        ({"managingOrganization": None}, None),
        ({"managingOrganization": None, "generalPractitioner": [{"reference": "Practitioner/1"}]}, None),
        ({"managingOrganization": {"identifier": {"system": ODS_SYSTEM, "value": "Y99002"}}}, "other"),
        ({"managingOrganization": {"reference": "Organization/O1"}}, "regular"),
        ({"managingOrganization": {"reference": "https://host/fhir/Organization/O1/_history/2"}}, "regular"),
        ({"managingOrganization": None, "generalPractitioner": [{"reference": "Organization/O1"}]}, "regular"),
        ({"active": False}, "other"),
    ],
)
def test_only_who_is_with_this_practice_is_registered(tmp_path: Path, elements: dict[str, Any], word: str) -> None:
    practice = a_resource("Organization", identifier=[{"system": ODS_SYSTEM, "value": PRACTICE.lower()}])
    assert only(read_one(tmp_path, practice, a_patient(**elements)), "patient")["registration_type"] == word


@pytest.mark.parametrize(
    ("meta", "confidential", "test"),
    [
        ({}, False, False),
        (labelled("N"), False, False),
        (labelled("R"), True, False),
        (labelled("NOPAT"), True, False),
        ({"security": [{"display": "restricted"}]}, True, False),
        ({"security": [{"code": ["R"]}]}, True, False),
        (labelled("HTEST"), False, True),
        ({"security": [{"code": "HTEST"}, {"code": "R"}]}, True, True),
    ],
)
def test_a_label_that_is_not_harmless_keeps_the_patient(
    tmp_path: Path, meta: dict[str, Any], confidential: bool, test: bool
) -> None:
    row = only(read_one(tmp_path, a_patient(meta=meta)), "patient")
    assert (row["is_confidential"], row["is_test_patient"]) == (confidential, test)


@pytest.mark.parametrize(("label", "confidential"), [("R", True), ("HTEST", True), ("N", False), ("whatever", True)])
def test_a_label_that_is_not_harmless_keeps_the_entry(tmp_path: Path, label: str, confidential: bool) -> None:
    assert only(read_one(tmp_path, an_entry(meta=labelled(label))), "observation")["is_confidential"] is confidential


def test_what_belongs_to_a_confidential_encounter_is_confidential_also_on_a_later_night(tmp_path: Path) -> None:
    encounter = a_resource("Encounter", status="finished", meta=labelled("R"), subject={"reference": "Patient/P1"})
    entry = an_entry(encounter={"reference": "Encounter/E1"})
    write_export(tmp_path, encounter, entry)
    tally = ReadTally()
    assert only(read(tmp_path, tally), "observation")["is_confidential"]
    write_export(tmp_path, entry, night="20260903T010000Z")
    assert only(read(tmp_path, tally), "observation")["is_confidential"]
    assert not only(read(tmp_path), "observation")["is_confidential"]
    write_export(tmp_path, encounter | {"meta": {}}, entry, night="20260904T010000Z")
    assert not only(read(tmp_path, tally), "observation")["is_confidential"]


def test_a_registration_can_come_as_an_episode_of_care_on_another_night(tmp_path: Path) -> None:
    episode = a_resource(
        "EpisodeOfCare",
        status="active",
        type=[coded("R")],
        patient={"reference": "Patient/P1"},
        managingOrganization={"identifier": {"system": ODS_SYSTEM, "value": PRACTICE}},
        period={"start": "2020-01-01"},
    )
    tally = ReadTally()
    write_export(tmp_path, a_patient(managingOrganization=None))
    assert only(read(tmp_path, tally), "patient")["registration_type"] is None
    write_export(tmp_path, episode, night="20260903T010000Z")
    row = only(read(tmp_path, tally), "patient")
    assert (row["registration_type"], row["registered_date"]) == ("regular", date(2020, 1, 1))
    assert row["nhs_number"] == NHS_NUMBER
    write_export(tmp_path, episode | {"period": {"start": "2020-01-01", "end": "2026-09-03"}}, night="20260904T010000Z")
    assert only(read(tmp_path, tally), "patient")["registration_end_date"] == date(2026, 9, 3)
    write_export(tmp_path, night="20260905T010000Z", deleted=["EpisodeOfCare/E1"])
    assert only(read(tmp_path, tally), "patient")["registration_type"] is None


def test_an_observation_and_its_components_are_rows_of_their_own(tmp_path: Path) -> None:
    limits = [{"low": {"value": 60}, "high": {"value": 90}}]
    systolic = {"code": coded("271649006"), "valueQuantity": {"value": 120, "code": "mm[Hg]", "comparator": "<"}}
    diastolic = {"code": coded("271650006"), "valueQuantity": {"value": 80.5, "unit": "mmHg"}, "referenceRange": limits}
    words = {"code": {"text": "comment"}, "valueString": "said Mrs Smith"}
    entry = an_entry(
        code=coded("75367002", extension=[_description("1234561000000118")]),
        category=[coded("vital-signs")],
        encounter={"reference": "Encounter/E9"},
        issued="2020-03-01T10:00:00.5+01:00",
        performer=[{"reference": "Organization/X"}, {"reference": "PractitionerRole/R1"}],
        component=[systolic, diastolic, words],
    )
    tally = ReadTally()
    write_export(tmp_path, entry)
    whole, first, second = read(tmp_path, tally)["observation"]
    assert said(whole) == {
        "record_id": "Observation/O1",
        "registration_id": "Patient/P1",
        "effective_date": date(2020, 3, 1),
        "effective_date_precision": "day",
        "recorded_at": datetime(2020, 3, 1, 9, 0, 0, 500_000),
        "staff_role_id": "PractitionerRole/R1",
        "encounter_id": "Encounter/E9",
        "snomed_concept_id": "75367002",
        "snomed_description_id": "1234561000000118",
        "observation_type": "value",
        "further_codes": "271649006 271650006 vital-signs",
    }
    assert (first["record_id"], first["parent_id"]) == ("Observation/O1#0", "Observation/O1")
    assert (first["value"], first["value_unit"], first["value_comparator"]) == (120, "mmHg", "<")
    assert (second["value"], second["range_low"], second["range_high"]) == (80.5, 60, 90)
    assert tally.not_collected["uncoded_component"] == 1


def _description(identifier: str) -> dict[str, Any]:
    part = {"url": "descriptionId", "valueIdentifier": {"system": SNOMED, "value": identifier}}
    return {"url": f"{UK_SITE}CodingSCTDescId", "extension": [part]}


@pytest.mark.parametrize(
    ("text", "day", "precision", "fault"),
    [
        ("2019", date(2019, 1, 1), "year", None),
        ("2019-05", date(2019, 5, 1), "month", None),
        ("2019-05-06", date(2019, 5, 6), "day", None),
        ("2019-05-06T23:30:00-05:00", date(2019, 5, 6), "day", None),
        ("2019-02-30", None, "unknown", "unreadable_date"),
        ("2019-02-30T10:00:00Z", None, "unknown", "unreadable_date"),
        ("31/12/2018T10:00:00Z", None, "unknown", "unreadable_date"),
        ("2019-05-06T10:00:00 or so", None, "unknown", "unreadable_date"),
        (20190506, None, "unknown", "unreadable_date"),
        (["2019-05-06"], None, "unknown", "unreadable_date"),
        (None, None, "unknown", None),
    ],
)
def test_a_date_is_as_precise_as_it_is(
    tmp_path: Path, text: object, day: date | None, precision: str, fault: str | None
) -> None:
    row = only(read_one(tmp_path, an_entry(effectiveDateTime=text)), "observation")
    assert (row["effective_date"], row["effective_date_precision"], row["fault"]) == (day, precision, fault)


@pytest.mark.parametrize(
    ("elements", "fault"),
    [
        ({"code": coded("8302-2", "http://loinc.org")}, "foreign_code_system"),
        ({"code": {"coding": [*coded("8302-2", "http://loinc.org")["coding"], *coded()["coding"]]}}, None),
        ({"code": {"text": "words"}}, "uncoded_entry"),
        ({"code": {"coding": [{"system": SNOMED, "display": "words"}]}}, "unknown_code"),
        ({"code": coded("two words")}, "malformed_code"),
        ({"code": coded("EMISNQ1", "https://emis")}, None),
        ({"status": "cancelled"}, "status_not_live"),
        ({"status": "unheard-of"}, "status_not_live"),
        ({"status": None}, "status_not_live"),
        ({"status": ["final"]}, "status_not_live"),
        ({"valueQuantity": {"value": "about 5"}}, "unreadable_number"),
        ({"valueQuantity": {"value": True}}, "unreadable_number"),
        ({"issued": "yesterday"}, "unreadable_date"),
        ({"valueQuantity": "5"}, "malformed_resource"),
        ({"component": {"code": coded()}}, "malformed_resource"),
    ],
)
def test_what_cannot_be_relied_on_names_its_fault(tmp_path: Path, elements: dict[str, Any], fault: str | None) -> None:
    assert only(read_one(tmp_path, an_entry(**elements)), "observation")["fault"] == fault


def test_entered_in_error_is_a_deletion(tmp_path: Path) -> None:
    wrong = coded("entered-in-error")
    rows = read_one(
        tmp_path,
        an_entry(status="entered-in-error"),
        a_resource("Condition", verificationStatus=wrong, code=coded(), subject={"reference": "Patient/P1"}),
        a_resource("AllergyIntolerance", verificationStatus=wrong, code=coded(), patient={"reference": "Patient/P1"}),
    )
    assert [only(rows, table)["is_deleted"] for table in ("observation", "problem", "allergy")] == [True] * 3


def test_a_refuted_problem_must_not_read_as_one(tmp_path: Path) -> None:
    condition = a_resource("Condition", verificationStatus=coded("refuted"), code=coded())
    assert only(read_one(tmp_path, condition), "problem")["fault"] == "status_not_live"


def test_a_problem_is_held_back_with_the_entry_it_is_about(tmp_path: Path) -> None:
    about = [{"detail": [{"reference": "Observation/O1"}]}]
    parent = [
        {"url": "type", "valueCode": "parent"},
        {"url": "target", "valueReference": {"reference": "Condition/C0"}},
    ]
    condition = a_resource(
        "Condition",
        subject={"reference": "Patient/P1"},
        clinicalStatus=coded("resolved"),
        onsetDateTime="2019",
        abatementDateTime="2020-02",
        evidence=about,
        extension=[
            {"url": f"{UK_SITE}ProblemSignificance", "valueCode": "major"},
            {"url": f"{UK_SITE}RelatedProblemHeader", "extension": parent},
        ],
    )
    row = said(only(read_one(tmp_path, condition), "problem"))
    assert {name: row[name] for name in ("extends_id", "significance", "status", "end_date", "end_date_precision")} == {
        "extends_id": "Observation/O1",
        "significance": "significant",
        "status": "resolved",
        "end_date": date(2020, 2, 1),
        "end_date_precision": "month",
    }
    assert row["parent_problem_id"] == "Condition/C0"
    assert "fault" not in row


def test_prescriptions_are_plans_and_the_issues_under_them(tmp_path: Path) -> None:
    shared = {"subject": {"reference": "Patient/P1"}, "medicationCodeableConcept": coded("39113311000001107")}
    issued = [{"url": "numberOfPrescriptionsIssued", "valueUnsignedInt": 3}]
    plan = a_resource(
        "MedicationRequest",
        **shared,
        status="stopped",
        intent="plan",
        authoredOn="2020-01-02T10:00:00Z",
        courseOfTherapyType=coded("continuous"),
        extension=[{"url": f"{UK_SITE}MedicationRepeatInformation", "extension": issued}],
        dispenseRequest={
            "validityPeriod": {"start": "2020-01-01", "end": "2020-06-01"},
            "numberOfRepeatsAllowed": 6,
            "quantity": {"value": 28, "unit": "tablets"},
            "expectedSupplyDuration": {"value": 4, "code": "wk"},
        },
    )
    issue = a_resource(
        "MedicationRequest",
        **shared | {"id": "M2", "status": "completed", "intent": "instance-order"},
        basedOn=[{"reference": "MedicationRequest/M1"}],
    )
    first, second = read_one(tmp_path, plan, issue)["medication"]
    assert first["dmd_code"] == "39113311000001107"
    assert (first["intent"], first["prescription_type"], first["is_active"]) == ("plan", "repeat", False)
    assert (first["quantity"], first["quantity_unit"], first["course_days"]) == (28, "tablet", 28)
    assert (first["issues_authorised"], first["issues_made"]) == (6, 3)
    assert (first["effective_date"], first["stop_date"]) == (date(2020, 1, 1), date(2020, 6, 1))
    assert (second["intent"], second["authorisation_id"]) == ("order", "MedicationRequest/M1")


def test_a_drug_can_be_a_resource_of_its_own_sent_on_another_night(tmp_path: Path) -> None:
    tally = ReadTally()
    medication = a_resource("Medication", code=coded("39113311000001107"))
    write_export(tmp_path, medication)
    read(tmp_path, tally)
    own = a_resource("MedicationRequest", status="active", medicationReference={"reference": "Medication/M1"})
    inside = own | {"id": "M2", "contained": [medication], "medicationReference": {"reference": "#M1"}}
    nowhere = own | {"id": "M3", "medicationReference": {"reference": "Medication/M9"}}
    write_export(tmp_path, own, inside, nowhere, night="20260903T010000Z")
    rows = read(tmp_path, tally)["medication"]
    assert [row["dmd_code"] for row in rows] == ["39113311000001107"] * 2 + [None]
    assert rows[2]["fault"] == "unknown_code"


def test_a_request_is_a_recall_a_referral_or_a_test(tmp_path: Path) -> None:
    shared = {"status": "active", "code": coded(), "subject": {"reference": "Patient/P1"}, "authoredOn": "2024-01-02"}
    plan = a_resource("ServiceRequest", **shared, intent="plan", occurrenceDateTime="2027-01-01")
    referral = a_resource(
        "ServiceRequest",
        **shared | {"id": "S2"},
        intent="order",
        priority="urgent",
        category=[coded("3457005"), coded("outpatient", "https://own")],
        requester={"reference": "Organization/A"},
        performer=[{"reference": "PractitionerRole/B"}, {"reference": "Organization/C"}],
    )
    test = a_resource("ServiceRequest", **shared | {"id": "S3"}, intent="order")
    refused = a_resource("ServiceRequest", **shared | {"id": "S4"}, intent="order", doNotPerform=True)
    rows = read_one(tmp_path, plan, referral, test, refused)
    assert only(rows, "recall")["effective_date"] == date(2027, 1, 1)
    row = only(rows, "referral")
    assert (row["urgency"], row["service_type"]) == ("urgent", "outpatient")
    assert (row["source_organisation_id"], row["target_organisation_id"]) == ("Organization/A", "Organization/C")
    assert [row["observation_type"] for row in rows["observation"]] == ["test_request"] * 2
    assert [row["fault"] for row in rows["observation"]] == [None, "request_not_to_do"]


def test_appointments_encounters_immunisations_and_staff(tmp_path: Path) -> None:
    patient, role = {"reference": "Patient/P1"}, {"reference": "PractitionerRole/P1"}
    rows = read_one(
        tmp_path,
        a_resource(
            "Appointment",
            status="noshow",
            start="2024-01-02T10:00:00Z",
            end="2024-01-02T10:15:00Z",
            participant=[{"actor": role}, {"actor": patient}],
        ),
        a_resource("Encounter", status="finished", subject=patient, appointment=[{"reference": "Appointment/A1"}]),
        a_resource("Immunization", status="not-done", patient=patient, vaccineCode=coded(), occurrenceDateTime="2024"),
        a_resource("PractitionerRole", code=[coded("R0260")], practitioner={"display": "Dr Who"}),
        a_resource("Practitioner", name=[{"family": "Who"}]),
    )
    slot = only(rows, "appointment")
    assert (slot["status"], slot["did_not_attend"], slot["planned_minutes"]) == ("did_not_attend", True, 15)
    assert (slot["registration_id"], slot["staff_role_id"]) == ("Patient/P1", "PractitionerRole/P1")
    encounter = only(rows, "encounter")
    assert (encounter["is_complete"], encounter["appointment_id"]) == (True, "Appointment/A1")
    assert encounter["fault"] is None  # an encounter needs no code
    assert only(rows, "immunisation")["status"] == "not_done"
    assert [row["job_category_code"] for row in rows["staff_role"]] == [None, "R0260"]


def test_a_patient_can_be_named_by_nhs_number(tmp_path: Path) -> None:
    known = {"identifier": {"system": NHS_NUMBER_SYSTEM, "value": "999 054 8609"}}
    stranger = {"identifier": {"system": NHS_NUMBER_SYSTEM, "value": "9990000018"}}
    rows = read_one(tmp_path, a_patient(), an_entry(subject=known), an_entry(subject=stranger, id="O2"))
    assert [row["registration_id"] for row in rows["observation"]] == ["Patient/P1", None]


def test_a_statement_that_rests_on_a_request_says_it_once_more(tmp_path: Path) -> None:
    alone = a_resource("MedicationStatement", status="active", medicationCodeableConcept=coded())
    again = alone | {"id": "M2", "basedOn": [{"reference": "MedicationRequest/M1"}]}
    tally = ReadTally()
    write_export(tmp_path, alone, again)
    assert only(read(tmp_path, tally), "medication")["intent"] == "plan"
    assert tally.not_collected["MedicationStatement"] == 1


def test_what_is_left_at_the_source_is_counted_by_its_type(tmp_path: Path) -> None:
    tally = ReadTally()
    write_export(tmp_path, a_resource("Claim", anything="at all"), a_resource("Flag"), a_resource("Flag"))
    assert read(tmp_path, tally) == {}
    assert {name: n for name, n in tally.not_collected.items() if n} == {"Claim": 1, "Flag": 2}
