"""What a GP Connect bundle becomes, resource type by resource type."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from crossing.policy import Policy
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.identified import ReadTally, schema
from support.gp_connect_bundles import (
    NHS_NUMBER,
    NHS_NUMBER_SYSTEM,
    SNOMED,
    Resource,
    a_bundle,
    a_patient,
    an_observation,
    coded,
    read,
    write,
)

MINE = {"reference": "Patient/P1"}


def only(table: str, folder: Path, *resources: Resource, **bundle: object) -> Resource:
    (row,) = read(write(folder, a_bundle(*resources, **bundle)))[table]
    return row


def test_a_patient_is_registered_under_the_nhs_number(tmp_path: Path) -> None:
    address = [
        {"use": "old", "postalCode": "LS1 1AA"},
        {"use": "home", "line": ["1 Secret Street"], "postalCode": "DN1 1AA"},
    ]
    row = only("patient", tmp_path, patient=a_patient(address=address, name=[{"family": "Secret"}]))
    assert row["registration_id"] == row["record_id"] == row["nhs_number"] == NHS_NUMBER
    assert (row["sex"], row["date_of_birth"], row["postcode"]) == ("female", date(1950, 6, 1), "DN1 1AA")
    assert (row["registration_type"], row["is_test_patient"], row["is_confidential"]) == ("regular", False, False)
    assert "Secret" not in str(row)


def test_a_record_without_a_valid_nhs_number_is_kept_under_the_patients_own_id(tmp_path: Path) -> None:
    rows = read(write(tmp_path, a_bundle(an_observation(), patient=a_patient("1234567890"))))
    assert rows["observation"][0]["registration_id"] == rows["patient"][0]["registration_id"] == "Patient/P1"


def test_several_bundles_of_one_nhs_number_are_one_registration(tmp_path: Path) -> None:
    tally = ReadTally()
    rows = read(write(tmp_path, a_bundle(an_observation()), a_bundle(an_observation(id="O2"))), tally)
    assert len(rows["patient"]) == 1
    assert {row["registration_id"] for row in rows["observation"]} == {NHS_NUMBER}
    assert tally.reference_rows["repeated_Patient"] == 1


def test_any_bundle_can_mark_the_patient_confidential(tmp_path: Path) -> None:
    marked = a_bundle(patient=a_patient(meta={"security": [{"code": "R"}]}))
    assert read(write(tmp_path, a_bundle(), marked, a_bundle()))["patient"][0]["is_confidential"] is True


@pytest.mark.parametrize(
    ("elements", "column", "expected"),
    [
        ({"deceasedDateTime": "2021-05"}, "date_of_death", date(2021, 5, 1)),
        ({"deceasedBoolean": True}, "fault", "death_without_date"),
        ({"deceasedBoolean": False}, "fault", None),
        ({"birthDate": "1926-02-30"}, "fault", "unreadable_date"),
        ({"active": False}, "registration_type", "other"),
        ({"gender": "unknown"}, "sex", "not_known"),
        ({"meta": {"security": "?"}}, "is_confidential", True),
        ({"meta": {"security": [{"code": "N"}]}}, "is_confidential", False),
    ],
)
def test_what_is_known_of_a_patient(tmp_path: Path, elements: Resource, column: str, expected: object) -> None:
    assert only("patient", tmp_path, patient=a_patient(**elements))[column] == expected


def registration_details(code: str) -> list[Resource]:
    concept = {
        "coding": [{"system": "https://fhir.nhs.uk/STU3/CodeSystem/CareConnect-RegistrationType-1", "code": code}]
    }
    parts = [
        {"url": "registrationType", "valueCodeableConcept": concept},
        {"url": "registrationPeriod", "valuePeriod": {"start": "2019-04-01T00:00:00+01:00", "end": "2022-01-31"}},
    ]
    return [{"url": "https://example.org/Extension-CareConnect-GPC-RegistrationDetails-1", "extension": parts}]


def test_registration_details_say_how_and_since_when(tmp_path: Path) -> None:
    row = only("patient", tmp_path, patient=a_patient(extension=registration_details("T")))
    assert (row["registration_type"], row["registered_date"]) == ("temporary", date(2019, 4, 1))
    assert (row["registration_end_date"], row["is_test_patient"]) == (date(2022, 1, 31), False)


def test_a_synthetic_registration_is_a_test_patient(tmp_path: Path) -> None:
    assert only("patient", tmp_path, patient=a_patient(extension=registration_details("S")))["is_test_patient"] is True


def test_an_observation_with_its_value_and_its_codes(tmp_path: Path) -> None:
    description = {
        "url": "https://fhir.nhs.uk/STU3/StructureDefinition/Extension-coding-sctdescid",
        "extension": [
            {"url": "descriptionId", "valueId": "754365011"},
            {"url": "descriptionDisplay", "valueString": "SECRET"},
        ],
    }
    concept = {
        "coding": [
            {"system": "http://read.info/readv2", "code": "9Nu0.00"},
            {"system": SNOMED, "code": "22298006", "display": "SECRET", "extension": [description]},
            {"system": "http://read.info/ctv3", "code": "XaZ89"},
            {"system": "https://fhir.hl7.org.uk/Id/egton-codes", "code": "EMISQSM13"},
        ],
        "text": "SECRET",
    }
    row = only(
        "observation",
        tmp_path,
        an_observation(
            code=concept,
            comment="SECRET",
            valueQuantity={"value": 5.5, "unit": "mmol/L", "comparator": "<="},
            referenceRange=[{"low": {"value": 2}, "high": {"value": 4.0}, "text": "SECRET"}],
            issued="2020-03-02T00:30:00.1234567+01:00",
            effectiveDateTime="2020-03-01T23:59:00-05:00",
            context={"reference": "https://host/fhir/Encounter/E1/_history/3"},
            performer=[{"reference": "Organization/X"}, {"reference": "Practitioner/D1"}],
        ),
    )
    assert row["read_v2_code"] == "9Nu0."  # rules are written in five characters
    assert (row["snomed_concept_id"], row["snomed_description_id"]) == ("22298006", "754365011")
    assert (row["ctv3_code"], row["local_code"]) == ("XaZ89", "EMISQSM13")
    assert (row["value"], row["value_unit"], row["value_comparator"]) == (5.5, "mmol/L", "<=")
    assert (row["range_low"], row["range_high"], row["observation_type"]) == (2.0, 4.0, "value")
    assert row["recorded_at"] == datetime(2020, 3, 1, 23, 30, 0, 123456)
    assert (row["effective_date"], row["effective_date_precision"]) == (date(2020, 3, 1), "day")
    assert row["encounter_id"] == f"{NHS_NUMBER}|Encounter/E1"
    assert (row["staff_role_id"], row["fault"], row["is_deleted"]) == ("Practitioner/D1", None, False)
    assert "SECRET" not in str(row)


@pytest.mark.parametrize(
    ("unit", "ours"),
    [
        ({"unit": "mm[Hg]"}, "mmHg"),
        ({"unit": "C", "code": "Cel"}, "Cel"),
        ({"unit": "kg"}, "kg"),
        ({"unit": "Banana"}, "banana"),
        ({"unit": "naïve"}, "other"),
        ({}, None),
    ],
)
def test_units_are_words_of_the_closed_list_or_visibly_not(tmp_path: Path, unit: Resource, ours: str | None) -> None:
    assert only("observation", tmp_path, an_observation(valueQuantity={"value": 1} | unit))["value_unit"] == ours


def test_each_coded_component_is_an_observation_of_its_own(tmp_path: Path) -> None:
    components = [
        {"code": coded("271649006"), "valueQuantity": {"value": 120, "unit": "mmHg"}},
        {"code": {"text": "Referral source"}, "valueString": "SECRET"},
        {"code": coded("271650006"), "valueQuantity": {"value": 80, "unit": "mmHg"}},
    ]
    tally = ReadTally()
    whole, systolic, diastolic = read(write(tmp_path, a_bundle(an_observation(component=components))), tally)[
        "observation"
    ]
    assert (systolic["value"], diastolic["value"]) == (120.0, 80.0)
    assert systolic["parent_id"] == diastolic["parent_id"] == whole["record_id"]
    assert len({whole["record_id"], systolic["record_id"], diastolic["record_id"]}) == 3
    assert diastolic["effective_date"] == whole["effective_date"]
    assert tally.not_collected["uncoded_component"] == 1


def test_groups_and_reports_are_parents(tmp_path: Path) -> None:
    report = {
        "resourceType": "DiagnosticReport",
        "id": "R1",
        "code": coded("721981007"),
        "subject": MINE,
        "result": [{"reference": "Observation/group"}, {"reference": "Observation/member"}],
    }
    member = an_observation(
        id="member", related=[{"type": "derived-from", "target": {"reference": "Observation/group"}}]
    )
    rows = read(write(tmp_path, a_bundle(report, an_observation(id="group"), member)))["observation"]
    parents = {row["record_id"].split("|")[1]: (row["parent_id"] or "").split("|")[-1] for row in rows}
    assert parents == {
        "DiagnosticReport/R1": "",
        "Observation/group": "DiagnosticReport/R1",
        "Observation/member": "Observation/group",
    }


@pytest.mark.parametrize(
    ("elements", "fault"),
    [
        ({"code": {"text": "SECRET"}}, "uncoded_entry"),
        ({"code": coded("UNK", "http://hl7.org/fhir/v3/NullFlavor")}, "uncoded_entry"),
        ({"code": coded("Mr Secret, seen today")}, "malformed_code"),
        ({"code": coded("Mr Secret, seen today", "https://fhir.hl7.org.uk/Id/egton-codes")}, "malformed_code"),
        ({"effectiveDateTime": "2020-02-30"}, "unreadable_date"),
        ({"effectiveDateTime": "last Tuesday"}, "unreadable_date"),
        ({"issued": "2020-03-01T25:00:00Z"}, "unreadable_date"),
        ({"valueQuantity": {"value": "5.5"}}, "unreadable_number"),
        ({"valueQuantity": {"value": 10**400}}, "unreadable_number"),
        ({"subject": {"reference": "Patient/another"}}, "patient_not_in_bundle"),
        ({"subject": {"display": "Mr Secret"}}, "patient_not_in_bundle"),
    ],
)
def test_an_entry_that_cannot_be_trusted_names_its_rule(tmp_path: Path, elements: Resource, fault: str) -> None:
    row = only("observation", tmp_path, an_observation(**elements))
    assert row["fault"] == fault
    assert "Secret" not in str(row)


def test_a_subject_can_be_named_by_nhs_number(tmp_path: Path) -> None:
    subject = {"identifier": {"system": NHS_NUMBER_SYSTEM, "value": NHS_NUMBER}}
    assert only("observation", tmp_path, an_observation(subject=subject))["registration_id"] == NHS_NUMBER


@pytest.mark.parametrize("code", [" 827241000000103", "827241000000103\n", 827241000000103])
@pytest.mark.parametrize("system", [SNOMED, "https://snomed.info/sct", "http://snomed.info/sct/ "])
def test_a_code_is_known_however_carelessly_it_is_written(tmp_path: Path, code: object, system: str) -> None:
    concept = {"coding": [{"system": system, "code": code}]}
    row = only("observation", tmp_path, an_observation(code=concept))
    assert (row["snomed_concept_id"], row["fault"]) == ("827241000000103", None)


def test_a_further_code_of_the_same_system_is_counted(tmp_path: Path) -> None:
    concept = {"coding": [*coded("22298006")["coding"], *coded("54150009")["coding"]]}
    tally = ReadTally()
    (row,) = read(write(tmp_path, a_bundle(an_observation(code=concept))), tally)["observation"]
    assert row["snomed_concept_id"] == "22298006"
    assert tally.not_collected["further_code_of_the_same_system"] == 1


def test_a_supplier_code_that_is_malformed_costs_only_itself(tmp_path: Path) -> None:
    concept = {"coding": [{"system": SNOMED, "code": "22298006"}, {"system": "urn:own", "code": "ERE/2023 X"}]}
    tally = ReadTally()
    (row,) = read(write(tmp_path, a_bundle(an_observation(code=concept))), tally)["observation"]
    assert (row["snomed_concept_id"], row["local_code"], row["fault"]) == ("22298006", None, None)
    assert tally.not_collected["malformed_supplier_code"] == 1


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("1987", (date(1987, 1, 1), "year")),
        ("1987-04", (date(1987, 4, 1), "month")),
        ("1987-04-09", (date(1987, 4, 9), "day")),
        (None, (None, "unknown")),
    ],
)
def test_partial_dates_stay_partial(tmp_path: Path, written: str | None, expected: tuple[date | None, str]) -> None:
    row = only("observation", tmp_path, an_observation(effectiveDateTime=written))
    assert (row["effective_date"], row["effective_date_precision"]) == expected


@pytest.mark.parametrize("written", ["2020-03-01", "2020-03-01T10:00:00", None])
def test_no_midnight_and_no_time_zone_is_made_up(tmp_path: Path, written: str | None) -> None:
    row = only("observation", tmp_path, an_observation(issued=written))
    assert (row["recorded_at"], row["fault"]) == (None, None)


def test_what_is_wrong_with_the_date_is_wrong_with_the_components(tmp_path: Path) -> None:
    whole = an_observation(effectiveDateTime="2020-02-30", component=[{"code": coded("271649006")}])
    rows = read(write(tmp_path, a_bundle(whole)))["observation"]
    assert [row["fault"] for row in rows] == ["unreadable_date", "unreadable_date"]


def test_a_malformed_code_is_not_the_fault_of_the_components(tmp_path: Path) -> None:
    whole = an_observation(code=coded("no code"), component=[{"code": coded("271649006")}])
    rows = read(write(tmp_path, a_bundle(whole)))["observation"]
    assert [row["fault"] for row in rows] == ["malformed_code", None]


def test_an_allergy_entered_in_error_is_a_deletion(tmp_path: Path) -> None:
    allergy = {
        "resourceType": "AllergyIntolerance",
        "id": "A1",
        "verificationStatus": "entered-in-error",
        "code": coded(),
    }
    assert only("allergy", tmp_path, allergy)["is_deleted"] is True


def test_an_entry_in_error_is_a_deletion(tmp_path: Path) -> None:
    assert only("observation", tmp_path, an_observation(status="entered-in-error"))["is_deleted"] is True


NOT_TO_BE_SHARED = {"security": [{"system": "http://hl7.org/fhir/v3/ActCode", "code": "NOPAT"}]}


def test_a_security_label_makes_an_entry_and_what_repeats_it_confidential(tmp_path: Path) -> None:
    problem = {
        "resourceType": "Condition",
        "id": "C1",
        "meta": NOT_TO_BE_SHARED,
        "code": coded(),
        "subject": MINE,
        "extension": [
            {
                "url": "https://x/Extension-CareConnect-ActualProblem-1",
                "valueReference": {"reference": "Observation/O1"},
            }
        ],
    }
    rows = read(write(tmp_path, a_bundle(problem, an_observation(), an_observation(id="O2"))))
    assert rows["problem"][0]["is_confidential"] is True
    assert [row["is_confidential"] for row in rows["observation"]] == [True, False]


def test_a_confidential_observation_keeps_its_problem_and_its_components(tmp_path: Path) -> None:
    problem = {
        "resourceType": "Condition",
        "id": "C1",
        "code": coded(),
        "subject": MINE,
        "extension": [
            {
                "url": "https://x/Extension-CareConnect-ActualProblem-1",
                "valueReference": {"reference": "Observation/O1"},
            }
        ],
    }
    marked = an_observation(meta=NOT_TO_BE_SHARED, component=[{"code": coded("271649006")}])
    rows = read(write(tmp_path, a_bundle(problem, marked)))
    assert [row["is_confidential"] for row in rows["problem"] + rows["observation"]] == [True, True, True]


def test_a_confidential_statement_keeps_the_prescription_it_repeats(tmp_path: Path) -> None:
    based_on = [{"reference": "MedicationRequest/plan"}]
    statement = {"resourceType": "MedicationStatement", "id": "S1", "basedOn": based_on, "subject": MINE}
    row = only("medication", tmp_path, A_DRUG, a_request(), statement | {"meta": NOT_TO_BE_SHARED})
    assert row["is_confidential"] is True


def test_staff_and_places_are_confidential_only_when_labelled(tmp_path: Path) -> None:
    """A mark that is missing keeps a row at the source, so every row says one or the other."""
    doctors = [{"resourceType": "Practitioner", "id": name} for name in ("A", "B")]
    doctors[1]["meta"] = NOT_TO_BE_SHARED
    rows = read(write(tmp_path, a_bundle(*doctors, {"resourceType": "Organization", "id": "G1"})))
    assert [row["is_confidential"] for row in rows["staff_role"]] == [False, True]
    assert rows["organisation"][0]["is_confidential"] is False


def test_no_row_of_any_table_leaves_its_marks_open(tmp_path: Path) -> None:
    everything = (a_procedure_request(), a_request(), A_DRUG, an_observation(component=[{"code": coded()}]))
    for rows in read(write(tmp_path, a_bundle(*everything))).values():
        assert {type(row[mark]) for row in rows for mark in ("is_deleted", "is_confidential")} == {bool}


def test_what_was_said_in_a_confidential_encounter_is_confidential(tmp_path: Path) -> None:
    encounter = {"resourceType": "Encounter", "id": "E1", "meta": NOT_TO_BE_SHARED, "subject": MINE}
    said = an_observation(context={"reference": "Encounter/E1"})
    assert only("observation", tmp_path, encounter, said)["is_confidential"] is True


def test_a_label_in_another_bundle_of_the_patient_counts_too(tmp_path: Path) -> None:
    marked, plain = a_bundle(an_observation(meta=NOT_TO_BE_SHARED)), a_bundle(an_observation())
    rows = read(write(tmp_path, marked, plain))["observation"]
    assert [row["is_confidential"] for row in rows] == [True, True]


def test_an_encounter_needs_no_code(tmp_path: Path) -> None:
    encounter = {
        "resourceType": "Encounter",
        "id": "E1",
        "status": "finished",
        "type": [{"text": "Home visit to Mr Secret"}],
        "subject": MINE,
        "period": {"start": "2020-01-07"},
        "participant": [
            {"type": [coded("REC", "urn:x")], "individual": {"reference": "Practitioner/typist"}},
            {"type": [coded("PPRF", "urn:x")], "individual": {"reference": "Practitioner/doctor"}},
        ],
    }
    row = only("encounter", tmp_path, encounter)
    assert (row["fault"], row["is_complete"], row["staff_role_id"]) == (None, True, "Practitioner/doctor")
    assert "Secret" not in str(row)


def test_the_vaccination_procedure_is_the_code_of_an_immunisation(tmp_path: Path) -> None:
    immunisation = {
        "resourceType": "Immunization",
        "id": "I1",
        "status": "completed",
        "notGiven": False,
        "patient": MINE,
        "date": "2010-01",
        "vaccineCode": coded("UNK", "http://hl7.org/fhir/v3/NullFlavor"),
        "practitioner": [{"actor": {"reference": "Practitioner/nurse"}}],
        "extension": [
            {
                "url": "https://x/Extension-CareConnect-VaccinationProcedure-1",
                "valueCodeableConcept": coded("38598009"),
            },
            {"url": "https://x/Extension-CareConnect-DateRecorded-1", "valueDateTime": "2010-01-18T11:41:00Z"},
        ],
    }
    row = only("immunisation", tmp_path, immunisation)
    assert (row["snomed_concept_id"], row["status"], row["staff_role_id"]) == (
        "38598009",
        "completed",
        "Practitioner/nurse",
    )
    assert row["recorded_at"] == datetime(2010, 1, 18, 11, 41)


@pytest.mark.parametrize("not_given", [True, "yes", None])
def test_a_vaccination_not_surely_given_never_reads_as_given(tmp_path: Path, not_given: object) -> None:
    immunisation = {
        "resourceType": "Immunization",
        "id": "I1",
        "status": "completed",
        "notGiven": not_given,
        "patient": MINE,
    }
    assert only("immunisation", tmp_path, immunisation | {"vaccineCode": coded()})["status"] == "not_done"


def a_procedure_request(**elements: object) -> Resource:
    return {
        "resourceType": "ProcedureRequest",
        "id": "D1",
        "status": "active",
        "intent": "plan",
        "code": coded(),
        "subject": MINE,
    } | elements


def test_a_planned_procedure_is_a_recall(tmp_path: Path) -> None:
    row = only("recall", tmp_path, a_procedure_request(occurrenceDateTime="2026-12-01"))
    assert (row["is_active"], row["is_complete"], row["effective_date"]) == (True, False, date(2026, 12, 1))


def test_an_ordered_procedure_is_a_test_request(tmp_path: Path) -> None:
    assert only("observation", tmp_path, a_procedure_request(intent="order"))["observation_type"] == "test_request"


def test_a_request_not_to_do_something_is_no_recall(tmp_path: Path) -> None:
    assert only("recall", tmp_path, a_procedure_request(doNotPerform=True))["fault"] == "request_not_to_do"


def test_an_ended_allergy_contained_in_a_list_is_an_allergy(tmp_path: Path) -> None:
    ended = {
        "resourceType": "AllergyIntolerance",
        "id": "1",
        "clinicalStatus": "resolved",
        "code": coded(),
        "patient": MINE,
    }
    lists = [{"resourceType": "List", "contained": [ended | {"onsetDateTime": year}]} for year in ("2001", "2002")]
    rows = read(write(tmp_path, a_bundle(*lists)))["allergy"]
    assert [row["status"] for row in rows] == ["resolved", "resolved"]
    assert len({row["record_id"] for row in rows}) == 2, "an id holds only inside its container"


def test_a_refuted_allergy_does_not_read_as_one(tmp_path: Path) -> None:
    refuted = {
        "resourceType": "AllergyIntolerance",
        "id": "A1",
        "clinicalStatus": "active",
        "verificationStatus": "refuted",
    }
    assert only("allergy", tmp_path, refuted | {"code": coded(), "patient": MINE})["status"] == "refuted"


def a_request(**elements: object) -> Resource:
    request = {
        "resourceType": "MedicationRequest",
        "id": "plan",
        "status": "active",
        "intent": "plan",
        "medicationReference": {"reference": "Medication/M1"},
        "subject": MINE,
        "authoredOn": "2020-01-01T09:00:00Z",
        "dispenseRequest": {
            "validityPeriod": {"start": "2020-01-02"},
            "quantity": {"value": 28, "unit": "tablets"},
            "expectedSupplyDuration": {"value": 4, "code": "wk"},
        },
    }
    return request | elements


A_DRUG = {"resourceType": "Medication", "id": "M1", "code": coded("319775004")}


def test_a_plan_its_issue_and_the_statement_about_it(tmp_path: Path) -> None:
    based_on = [{"reference": "MedicationRequest/plan"}]
    order = a_request(id="order", intent="order", basedOn=based_on)
    statement = {"resourceType": "MedicationStatement", "id": "S1", "basedOn": based_on, "subject": MINE}
    tally = ReadTally()
    plan, issue = read(write(tmp_path, a_bundle(A_DRUG, a_request(), order, statement)), tally)["medication"]
    assert (plan["intent"], issue["intent"], issue["authorisation_id"]) == ("plan", "order", plan["record_id"])
    assert (plan["dmd_code"], plan["snomed_concept_id"], plan["is_active"]) == ("319775004", None, True)
    assert (plan["quantity"], plan["quantity_unit"], plan["course_days"]) == (28.0, "tablet", 28)
    assert plan["effective_date"] == date(2020, 1, 2)
    assert tally.not_collected["MedicationStatement"] == 1, "the same prescription once more"


def test_a_statement_without_its_request_is_a_row(tmp_path: Path) -> None:
    statement = {"resourceType": "MedicationStatement", "id": "S1", "status": "active", "subject": MINE}
    based = {"basedOn": [{"reference": "MedicationRequest/elsewhere"}], "medicationCodeableConcept": coded("319775004")}
    row = only("medication", tmp_path, statement | based)
    assert (row["intent"], row["dmd_code"], row["fault"]) == ("plan", "319775004", None)


def test_repeats_and_the_day_of_stopping(tmp_path: Path) -> None:
    repeats = [
        {"url": "numberOfRepeatPrescriptionsAllowed", "valueUnsignedInt": 12},
        {"url": "numberOfRepeatPrescriptionsIssued", "valueUnsignedInt": 3},
    ]
    reason = [
        {"url": "statusReason", "valueCodeableConcept": {"text": "SECRET"}},
        {"url": "statusChangeDate", "valueDateTime": "2020-05-01"},
    ]
    extension = [
        {"url": "https://x/Extension-CareConnect-GPC-MedicationRepeatInformation-1", "extension": repeats},
        {"url": "https://x/Extension-CareConnect-GPC-MedicationStatusReason-1", "extension": reason},
        {
            "url": "https://x/Extension-CareConnect-GPC-PrescriptionType-1",
            "valueCodeableConcept": coded("repeat-dispensing", "urn:x"),
        },
    ]
    row = only("medication", tmp_path, A_DRUG, a_request(status="stopped", extension=extension))
    assert (row["issues_authorised"], row["issues_made"], row["stop_date"]) == (12, 3, date(2020, 5, 1))
    assert (row["prescription_type"], row["is_active"]) == ("repeat_dispensing", False)
    assert "SECRET" not in str(row)


def test_a_contained_drug_is_the_code(tmp_path: Path) -> None:
    request = a_request(medicationReference={"reference": "#d"}, contained=[A_DRUG | {"id": "d"}])
    assert only("medication", tmp_path, request)["dmd_code"] == "319775004"


def test_a_referral_says_to_which_organisation_and_how_soon(tmp_path: Path) -> None:
    referral = {
        "resourceType": "ReferralRequest",
        "id": "F1",
        "priority": "urgent",
        "subject": MINE,
        "authoredOn": "2020-11-25",
        "requester": {"agent": {"reference": "PractitionerRole/role"}},
        "recipient": [{"reference": "Practitioner/consultant"}, {"reference": "Organization/hospital"}],
        "reasonCode": [coded("390884006"), coded("22298006")],
    }
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": "Practitioner/doctor"},
        "code": [coded("R0260", "urn:x")],
    }
    tally = ReadTally()
    rows = read(write(tmp_path, a_bundle(referral, role)), tally)
    row = rows["referral"][0]
    assert (row["snomed_concept_id"], row["urgency"], row["target_organisation_id"]) == (
        "390884006",
        "urgent",
        "Organization/hospital",
    )
    assert row["staff_role_id"] == rows["staff_role"][0]["record_id"] == "Practitioner/doctor"
    assert rows["staff_role"][0]["job_category_code"] == "R0260"
    assert tally.not_collected["ReferralRequest.reasonCode"] == 1


def test_a_problem_knows_its_parent_and_its_entries_know_it(tmp_path: Path) -> None:
    def related(name: str, to: str) -> Resource:
        return {"url": f"https://x/Extension-CareConnect-{name}-1", "valueReference": {"reference": to}}

    header = {
        "url": "https://x/Extension-CareConnect-RelatedProblemHeader-1",
        "extension": [
            {"url": "type", "valueCode": "Parent"},
            {"url": "target", "valueReference": {"reference": "Condition/C0"}},
        ],
    }
    significance = {"url": "https://x/Extension-CareConnect-ProblemSignificance-1", "valueCode": "major"}
    condition = {
        "resourceType": "Condition",
        "id": "C1",
        "clinicalStatus": "inactive",
        "code": coded(),
        "subject": MINE,
        "abatementDateTime": "2021-06",
        "extension": [header, significance, related("RelatedClinicalContent", "Observation/O1")],
    }
    rows = read(write(tmp_path, a_bundle(condition, an_observation())))
    row = rows["problem"][0]
    assert (row["significance"], row["status"], row["parent_problem_id"]) == (
        "significant",
        "inactive",
        f"{NHS_NUMBER}|Condition/C0",
    )
    assert (row["end_date"], row["end_date_precision"]) == (date(2021, 6, 1), "month")
    assert rows["observation"][0]["problem_id"] == row["record_id"]


def a_document(**elements: object) -> Resource:
    content = [{"attachment": {"url": "https://x/SECRET", "title": "SECRET"}}]
    return {
        "resourceType": "DocumentReference",
        "id": "L1",
        "subject": MINE,
        "description": "SECRET",
        "content": content,
    } | elements


def test_of_a_document_only_the_code_it_was_filed_under_is_read(tmp_path: Path) -> None:
    """A scanned objection may be coded nowhere else."""
    filed = a_document(
        type=coded("9Nu0.00", "http://read.info/readv2"),
        created="2020-01-02",
        indexed="2020-01-03T00:00:00Z",
        context={"encounter": {"reference": "Encounter/E1"}},
    )
    tally = ReadTally()
    (row,) = read(write(tmp_path, a_bundle(filed, a_document(id="L2", type={"text": "SECRET letter"}))), tally)[
        "observation"
    ]
    assert (row["read_v2_code"], row["observation_type"], row["effective_date"]) == (
        "9Nu0.",
        "document",
        date(2020, 1, 2),
    )
    assert row["encounter_id"] == f"{NHS_NUMBER}|Encounter/E1"
    assert tally.not_collected["DocumentReference"] == 1
    assert "SECRET" not in str(row)


@pytest.mark.parametrize("label", [SNOMED, [SNOMED], {}, [{}], [{"coding": [{"code": "N"}, {"code": "R"}]}]])
def test_a_label_that_cannot_be_read_restricts(tmp_path: Path, label: object) -> None:
    labelled = a_document(type=coded(), securityLabel=label)
    assert only("observation", tmp_path, labelled)["is_confidential"] is True
    assert only("observation", tmp_path, an_observation(meta={"security": label}))["is_confidential"] is True


def test_a_label_on_the_document_makes_its_entry_confidential(tmp_path: Path) -> None:
    labelled = a_document(type=coded(), securityLabel=[coded("V", "http://hl7.org/fhir/v3/Confidentiality")])
    assert only("observation", tmp_path, labelled)["is_confidential"] is True


def test_half_a_character_is_nothing(tmp_path: Path) -> None:
    half = "\ud800"
    patient = a_patient(half, address=[{"postalCode": half}], gender=half)
    observation = an_observation(
        valueQuantity={"value": 1, "unit": half}, performer=[{"reference": f"Practitioner/{half}"}]
    )
    rows = read(write(tmp_path, a_bundle({"resourceType": "Practitioner", "id": half}, observation, patient=patient)))
    assert (rows["patient"][0]["nhs_number"], rows["patient"][0]["postcode"]) == (None, None)
    assert (rows["observation"][0]["value_unit"], rows["observation"][0]["staff_role_id"]) == ("other", None)
    assert len(rows["staff_role"]) == 1


def test_an_appointment_is_of_the_patient_who_takes_part(tmp_path: Path) -> None:
    people = [{"actor": MINE}, {"actor": {"reference": "Practitioner/doctor"}}]
    appointment = {"resourceType": "Appointment", "id": "A1", "status": "noshow", "participant": people}
    times = {"start": "2020-01-01T09:00:00Z", "end": "2020-01-01T09:10:00Z"}
    row = only("appointment", tmp_path, appointment | times)
    assert (row["status"], row["did_not_attend"], row["planned_minutes"]) == ("did_not_attend", True, 10)
    assert (row["registration_id"], row["staff_role_id"]) == (NHS_NUMBER, "Practitioner/doctor")


def test_an_appointment_of_somebody_else_does_not_travel(tmp_path: Path) -> None:
    people = [{"actor": {"reference": "Patient/another"}}]
    row = only("appointment", tmp_path, {"resourceType": "Appointment", "id": "A1", "participant": people})
    assert row["fault"] == "patient_not_in_bundle"


def test_an_organisation_is_its_public_code_and_never_its_name(tmp_path: Path) -> None:
    organisation = {
        "resourceType": "Organization",
        "id": "G1",
        "name": "Dr Secret's surgery",
        "type": [coded("gp-practice", "urn:x")],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/ods-organization-code", "value": "A82038"}],
    }
    row = only("organisation", tmp_path, organisation)
    assert (row["ods_code"], row["organisation_type"], row["record_id"]) == ("A82038", "gp_practice", "Organization/G1")
    assert "Secret" not in str(row)


def test_tables_come_in_the_order_the_contract_says(tmp_path: Path) -> None:
    condition = {"resourceType": "Condition", "id": "C1", "code": coded(), "subject": MINE}
    organisation = {"resourceType": "Organization", "id": "G1"}
    write(tmp_path, a_bundle(condition, an_observation(), organisation, {"resourceType": "Practitioner", "id": "D1"}))
    adapter = GPConnect("Y99001", Policy())
    batches = list(adapter.read(adapter.find_extracts(tmp_path)[0], ReadTally()))
    assert [batch.table for batch in batches] == ["organisation", "staff_role", "patient", "observation", "problem"]
    assert all(batch.rows.schema == schema(batch.table) for batch in batches)


def test_the_snapshot_is_dated_by_its_bundles(tmp_path: Path) -> None:
    write(
        tmp_path,
        a_bundle(meta={"lastUpdated": "2026-01-02T03:04:05Z"}),
        a_bundle(meta={"lastUpdated": "2026-01-01T00:00:00Z"}),
    )
    (extract,) = GPConnect("Y99001", Policy()).find_extracts(tmp_path)
    assert extract.taken_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_resource_does_not_date_the_snapshot(tmp_path: Path) -> None:
    before = datetime.now(UTC)
    write(tmp_path, a_bundle(an_observation(meta={"lastUpdated": "2016-07-25T12:00:00.000+01:00"})))
    (extract,) = GPConnect("Y99001", Policy()).find_extracts(tmp_path)
    assert extract.taken_at.year >= before.year


def test_the_same_files_are_the_same_extract_and_others_are_not(tmp_path: Path) -> None:
    adapter = GPConnect("Y99001", Policy())
    write(tmp_path, a_bundle())
    first, again = adapter.find_extracts(tmp_path)[0].extract_id, adapter.find_extracts(tmp_path)[0].extract_id
    write(tmp_path, a_bundle(an_observation()))
    assert first == again != adapter.find_extracts(tmp_path)[0].extract_id
    assert first.startswith("snapshot-")
    assert len(first) == len("snapshot-") + 12
