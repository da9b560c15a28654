"""Observations, their components, and what else is a row of that table: reports, procedures, filed documents."""

from typing import Any

from source_zone.adapters.fhir_r4.elements import when
from source_zone.adapters.fhir_r4.record import Entry, Record, Row, Rows, of_concepts
from source_zone.adapters.gp_connect.elements import UNCODED_ENTRY, number
from source_zone.identified import UNREADABLE_NUMBER


def observation(entry: Entry, record: Record) -> Rows:
    resource, elements = entry.resource, record.elements
    coded = record.codes(resource.code)
    value, value_fault = _value(resource, record)
    effective = when(resource.effectiveDateTime or resource.effectiveInstant, resource.effectivePeriod)
    row = record.event(
        entry,
        subject=resource.subject,
        effective=effective,
        recorded=resource.issued,
        staff=elements.staff(*resource.performer or ()),
        encounter=resource.encounter,
        status=resource.status,
        faults=(value_fault, coded.fault),
    )
    row |= coded.columns
    row |= value
    if resource.derivedFrom is not None:
        row["parent_id"] = elements.first_link(resource.derivedFrom, "Observation", "DiagnosticReport")
    row["observation_type"] = _observation_type(resource, record)
    rows: Rows = [("observation", row)]
    if resource.component is not None:
        rows += _components(resource.component, row, record)
    return rows


def _components(components: list[Any], parent: Row, record: Record) -> Rows:
    """Each is an entry of its own, at the same time and place; blood pressure is two of them."""
    rows: Rows = []
    for index, component in enumerate(components):
        coded = record.codes(component.code)
        if coded.fault == UNCODED_ENTRY:
            record.left["uncoded_component"] += 1  # suppliers hang free text on components that have no code
            continue
        value, value_fault = _value(component, record)
        own: Row = {
            "record_id": f"{parent['record_id']}#{index}" if parent["record_id"] else None,
            "parent_id": parent["record_id"],
            "observation_type": "value",
            "fault": _inherited(parent["fault"]) or value_fault or coded.fault,
        }
        shared = {key: parent[key] for key in _SHARED_WITH_COMPONENTS}
        rows.append(("observation", shared | coded.columns | value | own))
    return rows


_SHARED_WITH_COMPONENTS = (
    "is_deleted",
    "registration_id",
    "effective_date",
    "effective_date_precision",
    "recorded_at",
    "staff_role_id",
    "encounter_id",
    "is_confidential",
)


def _inherited(fault: str | None) -> str | None:
    """What is wrong with the parent's date or status is wrong with the component's; not what is wrong with its code."""
    return fault if fault in ("unreadable_date", "status_not_live") else None


def _observation_type(resource: Any, record: Record) -> str:
    known = record.policy.words["observation_type"]
    said = of_concepts(resource.category) if resource.category is not None else ()
    by_category = next((known[code] for code in said if code in known), None)
    return by_category or ("value" if resource.valueQuantity is not None else "observation")


def _value(element: Any, record: Record) -> tuple[Row, str | None]:
    row: Row = {}
    quantity, fault = element.valueQuantity, None
    if quantity is not None:
        row["value"], fault = number(quantity.value)
        row["value_unit"] = record.policy.word("value_unit", quantity.code, quantity.unit)
        if quantity.comparator is not None:
            row["value_comparator"] = record.policy.word("value_comparator", quantity.comparator)
    elif element.valueInteger is not None:
        row["value"], fault = number(element.valueInteger)
    for first in (element.referenceRange or ())[:1]:
        row["range_low"], low_fault = _limit(first.low)
        row["range_high"], high_fault = _limit(first.high)
        fault = fault or low_fault or high_fault
    return row, fault and UNREADABLE_NUMBER


def _limit(quantity: Any) -> tuple[float | None, str | None]:
    return number(quantity.value) if quantity is not None else (None, None)


def diagnostic_report(entry: Entry, record: Record) -> Rows:
    resource = entry.resource
    coded = record.codes(resource.code)
    row = record.event(
        entry,
        subject=resource.subject,
        effective=when(resource.effectiveDateTime, resource.effectivePeriod),
        recorded=resource.issued,
        staff=record.elements.staff(*resource.performer or ()),
        encounter=resource.encounter,
        status=resource.status,
        faults=(coded.fault,),
    )
    return [("observation", row | coded.columns | {"observation_type": "investigation"})]


def procedure(entry: Entry, record: Record) -> Rows:
    resource = entry.resource
    coded = record.codes(resource.code)
    row = record.event(
        entry,
        subject=resource.subject,
        effective=when(resource.performedDateTime, resource.performedPeriod),
        recorded=None,
        staff=record.elements.staff(resource.recorder),
        encounter=resource.encounter,
        status=resource.status,
        faults=(coded.fault,),
    )
    return [("observation", row | coded.columns | {"observation_type": "observation"})]


def document(entry: Entry, record: Record) -> Rows:
    """Only the code a document was filed under, which may be an objection. The document itself never leaves."""
    resource = entry.resource
    coded = record.codes(resource.type)
    if coded.fault == UNCODED_ENTRY:
        record.left["DocumentReference"] += 1
        return []
    row = record.event(
        entry,
        subject=resource.subject,
        effective=when(resource.date),
        recorded=resource.date,
        staff=record.elements.staff(*resource.author or ()),
        status=resource.status,
        faults=(coded.fault,),
    )
    labels = set(of_concepts(resource.securityLabel))
    row["is_confidential"] = row["is_confidential"] or not labels <= record.policy.harmless_labels
    return [("observation", row | coded.columns | {"observation_type": "document"})]
