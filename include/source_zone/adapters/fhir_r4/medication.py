"""Prescriptions: what was authorised (a plan) and what was issued under it (an order)."""

from typing import Any

from source_zone.adapters.fhir_r4.clinical import REQUEST_NOT_TO_DO
from source_zone.adapters.fhir_r4.elements import when
from source_zone.adapters.fhir_r4.record import Entry, Record, Row, Rows, of_concept
from source_zone.adapters.gp_connect.elements import PartialDate, number, whole_number

_DAYS = {"d": 1, "day": 1, "days": 1, "wk": 7, "week": 7, "weeks": 7}
_ENDED = ("stopped", "cancelled")


def medication_request(entry: Entry, record: Record) -> Rows:
    resource = entry.resource
    dispense = resource.dispenseRequest
    validity = dispense.validityPeriod if dispense is not None else None
    start = validity.start if validity is not None else None
    supply, supply_fault = _supply(dispense, record) if dispense is not None else ({}, None)
    issues, issues_fault = _issues(resource, dispense, record)
    stop = when(validity.end) if validity is not None and resource.status in _ENDED else PartialDate()
    refused = REQUEST_NOT_TO_DO if resource.doNotPerform not in (None, False) else None
    row = _medication(
        entry,
        record,
        effective=when(start if start is not None else resource.authoredOn),
        recorded=resource.authoredOn,
        staff=record.elements.staff(resource.requester, resource.recorder),
        encounter=resource.encounter,
        faults=(supply_fault, issues_fault, stop.fault, refused),
    )
    own: Row = {
        "intent": record.policy.word("intent", resource.intent),
        "stop_date": stop.value,
        "authorisation_id": record.elements.first_link(resource.basedOn, "MedicationRequest"),
        "prescription_type": _prescription_type(resource, record),
    }
    return [("medication", row | supply | issues | own)]


def medication_statement(entry: Entry, record: Record) -> Rows:
    """One that rests on a request says it once more; the request is the row."""
    resource = entry.resource
    if record.elements.first_link(resource.basedOn, "MedicationRequest"):
        record.left["MedicationStatement"] += 1
        return []
    row = _medication(
        entry,
        record,
        effective=when(resource.effectiveDateTime, resource.effectivePeriod),
        recorded=resource.dateAsserted,
        staff=record.elements.staff(resource.informationSource),
        encounter=resource.context,
        faults=(),
    )
    return [("medication", row | {"intent": "plan"})]


def _medication(
    entry: Entry,
    record: Record,
    *,
    effective: PartialDate,
    recorded: object,
    staff: str | None,
    encounter: Any,
    faults: tuple[str | None, ...],
) -> Row:
    resource = entry.resource
    coded, further = record.medication(resource)
    row = record.event(
        entry,
        subject=resource.subject,
        effective=effective,
        recorded=recorded,
        staff=staff,
        encounter=encounter,
        status=resource.status,
        faults=(*faults, coded.fault),
    )
    row |= coded.columns
    row["problem_id"] = record.elements.first_link(resource.reasonReference, "Condition")
    row["is_active"] = resource.status == "active"
    if further:
        row["further_codes"] = further
    return row


def _supply(dispense: Any, record: Record) -> tuple[Row, str | None]:
    row: Row = {}
    fault = length_fault = days_fault = None
    if dispense.quantity is not None:
        row["quantity"], fault = number(dispense.quantity.value)
        row["quantity_unit"] = record.policy.word("quantity_unit", dispense.quantity.code, dispense.quantity.unit)
    duration = dispense.expectedSupplyDuration
    if duration is not None:
        length, length_fault = number(duration.value)
        factor = _DAYS.get(str(duration.code or duration.unit).lower())
        row["course_days"], days_fault = whole_number(length * factor if length is not None and factor else None)
    return row, fault or length_fault or days_fault


def _issues(resource: Any, dispense: Any, record: Record) -> tuple[Row, str | None]:
    allowed = dispense.numberOfRepeatsAllowed if dispense is not None else None
    repeats = record.elements.extension(resource, "MedicationRepeatInformation")
    made = None
    for part in (repeats.extension or ()) if repeats is not None else ():
        count = next(
            (each for each in (part.valueUnsignedInt, part.valuePositiveInt, part.valueInteger) if each is not None),
            None,
        )
        if part.url == "numberOfRepeatPrescriptionsAllowed":
            allowed = count
        elif part.url in ("numberOfPrescriptionsIssued", "numberOfRepeatPrescriptionsIssued"):
            made = count
    authorised, fault = whole_number(allowed)
    issued, made_fault = whole_number(made)
    return {"issues_authorised": authorised, "issues_made": issued}, fault or made_fault


def _prescription_type(resource: Any, record: Record) -> str | None:
    own = record.elements.extension(resource, "PrescriptionType")
    said = of_concept(resource.courseOfTherapyType) or of_concept(own.valueCodeableConcept if own is not None else None)
    return record.policy.word("prescription_type", *sorted(said))
