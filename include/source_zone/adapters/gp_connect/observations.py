"""Observations, their components and the reports they belong to, as rows of one table."""

from source_zone.adapters.gp_connect.elements import (
    UNCODED_ENTRY,
    Element,
    a_dict,
    actors,
    codes_of,
    dicts,
    keep,
    number,
    when,
)
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.practice import PracticeFacts
from source_zone.adapters.gp_connect.record import Record, Row, Rows
from source_zone.identified import UNREADABLE_NUMBER

_NO_RANGE: tuple[Row, str | None] = ({"range_low": None, "range_high": None}, None)


def observation(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    coded, fault = record.codes(resource.get("code"))
    value, value_fault = _value(resource, record)
    ranges, range_fault = _range(resource, record)
    row = record.event(
        entry,
        practice,
        effective=when(resource, "effective"),
        recorded=resource.get("issued"),
        staff=dicts(resource.get("performer")),
        faults=(fault, value_fault, range_fault),
    )
    parent = record.id_of(record.parent_of.get(entry.name))
    kind = _observation_type(resource, coded, record)
    row |= coded
    row |= value
    row |= ranges
    row |= record.of_problem(entry)
    row["parent_id"], row["observation_type"] = parent, kind
    if "valueCodeableConcept" in resource:
        record.leave("Observation.valueCodeableConcept")
    yield "observation", row
    yield from _components(resource, row, record)


def _components(resource: Element, parent: Row, record: Record) -> Rows:
    """Each is an entry of its own, at the same time and place; blood pressure is two of them."""
    components = resource.get("component", [])
    for index, component in enumerate(components if isinstance(components, list) else [components]):
        element = a_dict(component)
        coded, fault = record.codes(element.get("code"))
        if fault == UNCODED_ENTRY:
            record.leave("uncoded_component")  # suppliers hang free text on components that have a label and no code
            continue
        value, value_fault = _value(element, record)
        ranges, range_fault = _range(element, record)
        if "valueCodeableConcept" in element:
            record.leave("Observation.valueCodeableConcept")
        shared = {key: parent[key] for key in _SHARED_WITH_COMPONENTS}
        own = {
            "record_id": f"{parent['record_id']}#{index}",
            "parent_id": parent["record_id"],
            "observation_type": "value",
        }
        own["fault"] = _inherited(parent["fault"]) or fault or value_fault or range_fault
        yield "observation", shared | coded | value | ranges | own


_SHARED_WITH_COMPONENTS = (
    "is_deleted",
    "registration_id",
    "effective_date",
    "effective_date_precision",
    "recorded_at",
    "staff_role_id",
    "encounter_id",
    "problem_id",
    "is_confidential",
)


def _inherited(fault: str | None) -> str | None:
    """What is wrong with the parent's date or owner is wrong with the component's; not what is wrong with its code."""
    return fault if fault in ("unreadable_date", "patient_not_in_bundle") else None


def _observation_type(resource: Element, coded: dict[str, str], record: Record) -> str:
    known = record.policy.words["observation_type"]
    by_code = known.get(coded.get("snomed_concept_id", ""))
    return (
        by_code
        or _by_category(resource.get("category"), record)
        or ("value" if "valueQuantity" in resource else "observation")
    )


def _by_category(category: object, record: Record) -> str | None:
    if category is None:
        return None
    known = record.policy.answers.get((id(category), "category"))
    if known is None:
        words = record.policy.words["observation_type"]
        found = next((words[code] for code in sorted(codes_of(category)) if code in words), None)
        known = keep(record.policy, category, "category", found)
    found_before: str | None = known[1]
    return found_before


def _value(element: Element, record: Record) -> tuple[Row, str | None]:
    quantity = element.get("valueQuantity")
    if quantity is None:
        return {}, None
    known = record.policy.answers.get((id(quantity), "value"))
    known = known or keep(record.policy, quantity, "value", _value_of(quantity, record))
    found: tuple[Row, str | None] = known[1]
    return found


def _value_of(quantity: object, record: Record) -> tuple[Row, str | None]:
    if not isinstance(quantity, dict):
        return {}, UNREADABLE_NUMBER
    value, fault = number(quantity.get("value"))
    unit = record.policy.first_known_word("value_unit", quantity.get("code"), quantity.get("unit"))
    return {
        "value": value,
        "value_unit": unit,
        "value_comparator": record.policy.word("value_comparator", quantity.get("comparator")),
    }, fault


def _range(element: Element, record: Record) -> tuple[Row, str | None]:
    ranges = element.get("referenceRange")
    if ranges is None:
        return _NO_RANGE
    known = record.policy.answers.get((id(ranges), "range"))
    known = known or keep(record.policy, ranges, "range", _range_of(ranges))
    found: tuple[Row, str | None] = known[1]
    return found


def _range_of(ranges: object) -> tuple[Row, str | None]:
    first = next(iter(dicts(ranges)), {})
    low, low_fault = number(a_dict(first.get("low")).get("value"))
    high, high_fault = number(a_dict(first.get("high")).get("value"))
    return {"range_low": low, "range_high": high}, low_fault or high_fault


def diagnostic_report(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    coded, fault = record.codes(resource.get("code"))
    row = record.event(
        entry,
        practice,
        effective=when(resource, "effective"),
        recorded=resource.get("issued"),
        staff=actors(resource, "performer"),
        faults=[fault],
    )
    yield "observation", row | coded | record.of_problem(entry) | {"observation_type": "investigation"}
