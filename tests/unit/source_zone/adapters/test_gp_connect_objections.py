"""No dissent of a patient is overlooked because of where, how or about whom a supplier wrote it; and none is lifted by chance."""

from pathlib import Path

import pytest

from crossing.policy import Policy
from source_zone.adapters.gp_connect.adapter import GPConnect
from source_zone.identified import ReadTally
from support.gp_connect_bundles import (
    NHS_NUMBER,
    SNOMED,
    Resource,
    a_bundle,
    an_observation,
    coded,
    read,
    write,
)

MINE = {"reference": "Patient/P1"}
DISSENT, WITHDRAWAL, RESTRICTED = "827241000000103", "827261000000102", "63487001"
READ_V2, CTV3, OWN = "http://read.info/readv2", "http://read.info/ctv3", "urn:own"


def a_resource(kind: str, **elements: object) -> Resource:
    whose = {"patient": MINE} if kind in ("AllergyIntolerance", "Immunization") else {"subject": MINE}
    return {"resourceType": kind, "id": "X1"} | ({} if kind == "Appointment" else whose) | elements


def both(*codings: Resource) -> Resource:
    return {"coding": [each for concept in codings for each in concept["coding"]]}


def extension(name: str, **value: object) -> list[Resource]:
    return [{"url": f"https://x/Extension-CareConnect-{name}-1", **value}]


WRITTEN = {
    "second SNOMED coding": (an_observation(code=both(coded(), coded(DISSENT))), DISSENT),
    "second Read coding": (an_observation(code=both(coded("65E..", READ_V2), coded("9Nu0.00", READ_V2))), "9Nu0."),
    "second CTV3 coding": (an_observation(code=both(coded("Xabcd", CTV3), coded(" XaZ89 ", CTV3))), "XaZ89"),
    "second local coding": (an_observation(code=both(coded("ABC1", OWN), coded("9Nu0", OWN))), "9Nu0."),
    "system that says nothing": (
        an_observation(code=both(coded(), coded(DISSENT, "http://hl7.org/fhir/v3/NullFlavor"))),
        DISSENT,
    ),
    "no system": (an_observation(code=both(coded("ABC1", OWN), {"coding": [{"code": DISSENT}]})), DISSENT),
    "number": (
        an_observation(code=both(coded(), {"coding": [{"system": SNOMED, "code": float(DISSENT)}]})),
        DISSENT,
    ),
    "text around it": (an_observation(code=both(coded(), coded(f"{DISSENT}|Dissent|", OWN))), DISSENT),
    "coded answer": (an_observation(valueCodeableConcept=coded(DISSENT)), DISSENT),
    "answer of a component without a code": (
        an_observation(component=[{"code": {"text": "x"}, "valueCodeableConcept": coded(DISSENT)}]),
        DISSENT,
    ),
    "body site": (an_observation(bodySite=coded(DISSENT)), DISSENT),
    "coding in an extension": (an_observation(extension=[{"url": "x", "valueCoding": {"code": DISSENT}}]), DISSENT),
    "reaction": (a_resource("AllergyIntolerance", code=coded(), reaction=[{"manifestation": [coded(RESTRICTED)]}]), RESTRICTED),
    "substance": (a_resource("AllergyIntolerance", code=coded(), reaction=[{"substance": coded(RESTRICTED)}]), RESTRICTED),
    "vaccine beside its procedure": (
        a_resource(
            "Immunization",
            extension=extension("VaccinationProcedure", valueCodeableConcept=coded("38598009")),
            vaccineCode=coded(RESTRICTED),
        ),
        RESTRICTED,
    ),
    "second reason": (a_resource("ReferralRequest", reasonCode=[coded(), coded(RESTRICTED)]), RESTRICTED),
    "second type": (a_resource("Encounter", type=[coded(), coded(RESTRICTED)]), RESTRICTED),
    "evidence": (a_resource("Condition", evidence=[{"code": [coded(RESTRICTED)]}]), RESTRICTED),
    "reason of a prescription": (
        a_resource("MedicationRequest", medicationCodeableConcept=coded(), reasonCode=[coded(RESTRICTED)]),
        RESTRICTED,
    ),
    "second code of a drug": (
        a_resource("MedicationRequest", medicationCodeableConcept=both(coded(), coded("319775004"))),
        "319775004",
    ),
    "type of a document": (a_resource("DocumentReference", type=both(coded(), coded(DISSENT))), DISSENT),
    "description of a second coding": (
        an_observation(
            code=both(
                coded(),
                coded("54150009", extension=[
                    {"url": "x/Extension-coding-sctdescid", "extension": [{"url": "descriptionId", "valueId": "754365011"}]}
                ]),
            )
        ),
        "754365011",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("resource", "code"), WRITTEN.values(), ids=WRITTEN.keys())
def test_a_code_is_found_wherever_it_is_written(tmp_path: Path, resource: Resource, code: str) -> None:
    rows = read(write(tmp_path, a_bundle(resource)))
    (row,) = [row for table, found in rows.items() if table != "patient" for row in found]
    assert code in row["further_codes"].split()


def test_a_drug_elsewhere_in_the_bundle_brings_all_its_codes(tmp_path: Path) -> None:
    drug = {"resourceType": "Medication", "id": "M1", "code": both(coded("319775004"), coded(RESTRICTED))}
    request = a_resource("MedicationRequest", medicationReference={"reference": "Medication/M1"})
    (row,) = read(write(tmp_path, a_bundle(drug, request)))["medication"]
    assert (row["dmd_code"], RESTRICTED in row["further_codes"].split()) == ("319775004", True)


def test_a_problem_and_the_entry_it_repeats_share_their_codes(tmp_path: Path) -> None:
    actual = extension("ActualProblem", valueReference={"reference": "Observation/O1"})
    problem = a_resource("Condition", code=coded("54150009"), extension=actual)
    rows = read(write(tmp_path, a_bundle(problem, an_observation(code=coded(RESTRICTED)), an_observation(id="O2"))))
    assert RESTRICTED in rows["problem"][0]["further_codes"].split()
    repeated, other = rows["observation"]
    assert "54150009" in repeated["further_codes"].split()
    assert other["further_codes"] is None


def test_a_code_stands_in_a_column_or_among_the_further_ones_but_words_in_neither(tmp_path: Path) -> None:
    concept = both(coded(), coded("Mr Secret, seen 12", OWN))
    (row,) = read(write(tmp_path, a_bundle(an_observation(code=concept, comment="Secret"))))["observation"]
    assert (row["snomed_concept_id"], row["further_codes"].split()) == ("22298006", ["12", "12..."])


def test_components_share_the_codes_of_the_whole(tmp_path: Path) -> None:
    whole = an_observation(component=[{"code": coded("271649006")}, {"code": coded(RESTRICTED)}])
    for row in read(write(tmp_path, a_bundle(whole)))["observation"]:
        assert RESTRICTED in {row["snomed_concept_id"], *(row["further_codes"] or "").split()}


SUBJECTS = [{"reference": "urn:uuid:1d0e"}, {"reference": "Patient/another"}, {"display": "x"}, "Patient/P1", {}]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_entry_about_nobody_known_counts_for_the_patient_and_does_not_travel(
    tmp_path: Path, subject: object
) -> None:
    entry = an_observation(subject=subject, code=coded(DISSENT), status="entered-in-error")
    (row,) = read(write(tmp_path, a_bundle(entry)))["observation"]
    assert (row["registration_id"], row["fault"]) == (NHS_NUMBER, "patient_not_in_bundle")
    assert row["is_deleted"] is False, "a tombstone would travel in spite of its fault"


def test_an_entry_about_nobody_known_does_not_take_the_place_of_the_patients_own(tmp_path: Path) -> None:
    another = an_observation(subject={"reference": "Patient/another"})
    dissent, other = read(write(tmp_path, a_bundle(an_observation(code=coded(DISSENT)), another)))["observation"]
    assert dissent["record_id"] != other["record_id"]


NOT_FINAL = ["cancelled", "unknown", "preliminary", "registered", "on-hold", None, ["final"]]


@pytest.mark.parametrize("status", NOT_FINAL)
def test_a_withdrawal_that_is_not_final_is_under_a_fault(tmp_path: Path, status: object) -> None:
    (row,) = read(write(tmp_path, a_bundle(an_observation(code=coded(WITHDRAWAL), status=status))))["observation"]
    assert row["fault"] == "unsure_withdrawal"


@pytest.mark.parametrize("status", [*NOT_FINAL, "final"])
def test_a_dissent_counts_in_whatever_status(tmp_path: Path, status: object) -> None:
    (row,) = read(write(tmp_path, a_bundle(an_observation(code=coded(DISSENT), status=status))))["observation"]
    assert (row["snomed_concept_id"], row["fault"], row["is_deleted"]) == (DISSENT, None, False)


@pytest.mark.parametrize(
    "withdrawal",
    [coded(WITHDRAWAL), coded("9Nu1.00", READ_V2), coded("9Nu1", OWN), both(coded(), coded("XaZ8A", CTV3))],
)
@pytest.mark.parametrize(("status", "fault"), [("final", None), ("unknown", "unsure_withdrawal")])
def test_a_final_withdrawal_counts_in_every_code_system(
    tmp_path: Path, withdrawal: Resource, status: str, fault: str | None
) -> None:
    (row,) = read(write(tmp_path, a_bundle(an_observation(code=withdrawal, status=status))))["observation"]
    assert row["fault"] == fault


@pytest.mark.parametrize(
    "resource",
    [
        an_observation(valueCodeableConcept=coded(WITHDRAWAL)),
        an_observation(code=both(coded(), coded(WITHDRAWAL))),
        a_resource("ProcedureRequest", intent="order", status="completed", code=coded(WITHDRAWAL)),
        a_resource("DocumentReference", status="superseded", type=coded(WITHDRAWAL)),
        a_resource("DocumentReference", status="current", docStatus="preliminary", type=coded(WITHDRAWAL)),
    ],
)
def test_a_withdrawal_that_is_not_the_plain_code_of_a_finished_entry_is_under_a_fault(
    tmp_path: Path, resource: Resource
) -> None:
    (row,) = read(write(tmp_path, a_bundle(resource)))["observation"]
    assert row["fault"] == "unsure_withdrawal"


def test_other_entries_travel_in_an_unknown_status(tmp_path: Path) -> None:
    """Suppliers write "unknown" for a fifth of all observations."""
    (row,) = read(write(tmp_path, a_bundle(an_observation(status="unknown"))))["observation"]
    assert row["fault"] is None


@pytest.mark.parametrize(
    "resource",
    [
        a_resource("QuestionnaireResponse", item=[{"answer": [{"valueCoding": {"system": SNOMED, "code": DISSENT}}]}]),
        a_resource("DocumentReference", **{"class": coded(DISSENT)}),
        a_resource("List", code=coded(DISSENT)),
        a_resource("Appointment", reason=[coded(DISSENT)]),
    ],
)
def test_an_objection_in_an_entry_that_has_no_codes_of_ours_is_a_row(tmp_path: Path, resource: Resource) -> None:
    (row,) = read(write(tmp_path, a_bundle(resource)))["observation"]
    assert (row["registration_id"], row["fault"]) == (NHS_NUMBER, "objection_in_another_kind")
    assert (row["further_codes"].split()[-1], row["effective_date"]) == (DISSENT, None)


def test_what_is_left_at_the_source_is_no_row_without_an_objection(tmp_path: Path) -> None:
    tally = ReadTally()
    adapter = GPConnect("Y99001", Policy())
    (extract,) = adapter.find_extracts(write(tmp_path, a_bundle(a_resource("List"))))
    assert [batch.table for batch in adapter.read(extract, tally)] == ["patient"]
    assert tally.not_collected["List"] == 1


@pytest.mark.parametrize(
    "other",
    [
        an_observation(),
        an_observation(code=coded(DISSENT), status="entered-in-error"),
        an_observation(code=coded(WITHDRAWAL)),
    ],
)
@pytest.mark.parametrize("bundles", [1, 2])
@pytest.mark.parametrize("dissent_first", [True, False])
def test_another_entry_with_the_id_of_a_dissent_does_not_take_its_place(
    tmp_path: Path, other: Resource, bundles: int, dissent_first: bool
) -> None:
    entries = [an_observation(code=coded(DISSENT)), other][:: 1 if dissent_first else -1]
    write(tmp_path, *([a_bundle(*entries)] if bundles == 1 else [a_bundle(each) for each in entries]))
    first, last = read(tmp_path)["observation"]
    dissent, doubtful = (first, last) if dissent_first else (last, first)
    assert (dissent["fault"], dissent["record_id"]) == (None, f"{NHS_NUMBER}|Observation/O1")
    assert (doubtful["fault"], doubtful["is_deleted"]) == ("shares_its_id_with_a_dissent", False)
    assert doubtful["record_id"] != dissent["record_id"]
