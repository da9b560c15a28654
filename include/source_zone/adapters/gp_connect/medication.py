"""Prescriptions: what was authorised (a plan) and what was issued under it (an order)."""

from source_zone.adapters.gp_connect.elements import (
    Element,
    PartialDate,
    a_dict,
    codes_of,
    dicts,
    first_extension,
    number,
    partial_date,
    reference,
    when,
    whole_number,
)
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.practice import PracticeFacts
from source_zone.adapters.gp_connect.record import Record, Row, Rows

_DAYS = {"d": 1, "wk": 7}


def medication_request(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    dispense = a_dict(resource.get("dispenseRequest"))
    start = a_dict(dispense.get("validityPeriod")).get("start")
    row = _medication(
        entry,
        record,
        practice,
        effective=partial_date(start or resource.get("authoredOn")),
        recorded=resource.get("authoredOn"),
    )
    supply, supply_fault = _supply(dispense, record)
    issues, issues_fault = _issues(resource, dispense)
    stop = _stop_date(resource)
    based_on = next((record.link(each, "MedicationRequest") for each in dicts(resource.get("basedOn"))), None)
    kind = first_extension(resource, "PrescriptionType").get("valueCodeableConcept")
    row |= supply | issues | {"intent": record.policy.word("intent", resource.get("intent")), "stop_date": stop.value}
    row["authorisation_id"] = based_on
    row["is_active"] = None if row["intent"] == "order" else row["is_active"]  # an issue is made, and that is that
    row["prescription_type"] = next(
        (record.policy.word("prescription_type", code) for code in sorted(codes_of(kind))), None
    )
    row["fault"] = row["fault"] or supply_fault or issues_fault or stop.fault
    yield "medication", row


def medication_statement(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    """The standard pairs each statement with the plan it rests on; where the plan is here, the plan is the row."""
    resource = entry.resource
    requests = [each for each in dicts(resource.get("basedOn")) if reference(each, record.policy) in record.requests]
    if requests:
        record.leave("MedicationStatement")
        return
    row = _medication(
        entry, record, practice, effective=when(resource, "effective"), recorded=resource.get("dateAsserted")
    )
    yield "medication", row | {"intent": "plan"}


def _medication(
    entry: Entry, record: Record, practice: PracticeFacts, *, effective: PartialDate, recorded: object
) -> Row:
    resource = entry.resource
    coded, fault = record.codes(record.medication(resource), snomed_column="dmd_code")
    row = record.event(
        entry, practice, effective=effective, recorded=recorded, staff=[resource.get("recorder")], faults=[fault]
    )
    return row | coded | record.of_problem(entry) | {"is_active": resource.get("status") == "active"}


def _supply(dispense: Element, record: Record) -> tuple[Row, str | None]:
    quantity, duration = a_dict(dispense.get("quantity")), a_dict(dispense.get("expectedSupplyDuration"))
    amount, amount_fault = number(quantity.get("value"))
    length, length_fault = number(duration.get("value"))
    days, days_fault = whole_number(
        None if length is None else length * _DAYS.get(str(duration.get("code")), 0) or None
    )
    in_words = first_extension(quantity, "MedicationQuantityText").get("valueString")
    unit = record.policy.first_known_word("quantity_unit", quantity.get("unit"), in_words)
    return {"quantity": amount, "quantity_unit": unit, "course_days": days}, amount_fault or length_fault or days_fault


def _issues(resource: Element, dispense: Element) -> tuple[Row, str | None]:
    repeats = first_extension(resource, "MedicationRepeatInformation")
    allowed = first_extension(repeats, "numberOfRepeatPrescriptionsAllowed").get(
        "valueUnsignedInt", dispense.get("numberOfRepeatsAllowed")
    )
    authorised, fault = whole_number(allowed)
    made, made_fault = whole_number(
        first_extension(repeats, "numberOfRepeatPrescriptionsIssued").get("valueUnsignedInt")
    )
    return {"issues_authorised": authorised, "issues_made": made}, fault or made_fault


def _stop_date(resource: Element) -> PartialDate:
    if resource.get("status") not in ("stopped", "cancelled"):
        return PartialDate()
    changed = first_extension(first_extension(resource, "MedicationStatusReason"), "statusChangeDate")
    return partial_date(changed.get("valueDateTime"))
