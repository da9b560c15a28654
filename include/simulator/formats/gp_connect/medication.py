"""Prescriptions as resources of GP Connect's Structured record: plans, the statements about them, and issues."""

from simulator.formats.gp_connect.elements import (
    SITE,
    SNOMED,
    Cells,
    Resource,
    effective,
    entered,
    extension,
    number,
    of_patient,
    plain,
    reference,
    staff,
    without_blanks,
)

_PRESCRIPTIONS = {
    "Acute medication": "acute",
    "Repeat medication": "repeat",
    "Repeat dispensing": "repeat-dispensing",
}


def medication_plan(cells: Cells, dmd: str) -> Resource:
    stopped = cells["IsActive"] != "true"
    kind = _PRESCRIPTIONS.get(cells["PrescriptionType"])
    repeats = [
        extension("numberOfRepeatPrescriptionsAllowed", "UnsignedInt", number(cells["NumberOfIssuesAuthorised"])),
        extension("numberOfRepeatPrescriptionsIssued", "UnsignedInt", number(cells["NumberOfIssues"])),
    ]
    extensions: list[Resource] = [{"url": f"{SITE}MedicationRepeatInformation-1", "extension": repeats}]
    if kind:
        concept = {"coding": [{"code": kind}]}
        extensions.append({"url": f"{SITE}PrescriptionType-1", "valueCodeableConcept": concept})
    if stopped and cells["CancellationDate"]:
        changed = [extension("statusChangeDate", "DateTime", cells["CancellationDate"])]
        extensions.append({"url": f"{SITE}MedicationStatusReason-1", "extension": changed})
    return _medication_request(
        cells,
        dmd,
        cells["DrugRecordGuid"],
        intent="plan",
        status="stopped" if stopped else "active",
        extension=extensions,
    )


def medication_statement(cells: Cells, dmd: str) -> Resource:
    return of_patient(
        "MedicationStatement",
        cells,
        f"{plain(cells['DrugRecordGuid'])}-statement",
        basedOn=[reference("MedicationRequest", cells["DrugRecordGuid"])],
        status="active" if cells["IsActive"] == "true" else "stopped",
        taken="unk",
        medicationReference={"reference": f"Medication/{dmd}"},
        dosage=[{"text": cells["Dosage"]}],
    )


def medication_issue(cells: Cells, dmd: str) -> Resource:
    based_on = reference("MedicationRequest", cells["DrugRecordGuid"])
    return _medication_request(
        cells,
        dmd,
        cells["IssueRecordGuid"],
        intent="order",
        status="completed",
        basedOn=[based_on] if based_on else None,
        days=cells["CourseDurationInDays"],
    )


def medication(dmd: str, term: str) -> Resource:
    coding = {"system": SNOMED, "code": dmd, "display": term}
    return {"resourceType": "Medication", "id": dmd, "code": {"coding": [coding], "text": term}}


def _medication_request(cells: Cells, dmd: str, guid: str, *, days: str = "", **elements: object) -> Resource:
    supply = without_blanks(
        validityPeriod=without_blanks(start=effective(cells)),
        quantity=without_blanks(value=number(cells["Quantity"]), unit=cells["QuantityUnit"]),
        expectedSupplyDuration={"value": number(days), "unit": "day", "code": "d"} if days else None,
    )
    return of_patient(
        "MedicationRequest",
        cells,
        guid,
        medicationReference={"reference": f"Medication/{dmd}"},
        authoredOn=entered(cells),
        recorder=staff(cells),
        dosageInstruction=[{"text": cells["Dosage"]}],
        dispenseRequest=supply,
        **elements,
    )
