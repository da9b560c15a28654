"""From a resource to rows of the identified tables: one short function a resource type, and no text ever read."""

from collections.abc import Callable

from source_zone.adapters.gp_connect.elements import (
    SAYS_NOTHING,
    UNCODED_ENTRY,
    Element,
    a_dict,
    actors,
    codes_of,
    dicts,
    extensions,
    first_extension,
    instant,
    partial_date,
    when,
    whole_number,
)
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.medication import medication_request, medication_statement
from source_zone.adapters.gp_connect.observations import diagnostic_report, observation
from source_zone.adapters.gp_connect.practice import PracticeFacts
from source_zone.adapters.gp_connect.record import Record, Rows

REQUEST_NOT_TO_DO = "request_not_to_do"


def encounter(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    coded, fault = record.codes(next(iter(dicts(resource.get("type"))), None))
    people = sorted(dicts(resource.get("participant")), key=lambda each: "PPRF" not in codes_of(each.get("type")))
    row = record.event(
        entry,
        practice,
        effective=partial_date(a_dict(resource.get("period")).get("start")),
        recorded=None,
        staff=[each.get("individual") for each in people],
        faults=[
            None if fault in SAYS_NOTHING else fault
        ],  # an encounter says who met whom and when, also without a code
    )
    appointment = record.link(resource.get("appointment"), "Appointment")
    yield (
        "encounter",
        row
        | coded
        | {"encounter_id": None, "appointment_id": appointment, "is_complete": resource.get("status") == "finished"},
    )


def immunisation(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    """The procedure says what was given; the vaccine code is "unknown" from most suppliers."""
    resource = entry.resource
    coded, fault = record.codes(first_extension(resource, "VaccinationProcedure").get("valueCodeableConcept"))
    if fault in SAYS_NOTHING:
        vaccine, vaccine_fault = record.codes(resource.get("vaccineCode"))
        coded, fault = (coded, fault) if vaccine_fault == UNCODED_ENTRY else (vaccine, vaccine_fault)
    row = record.event(
        entry,
        practice,
        effective=partial_date(resource.get("date")),
        recorded=first_extension(resource, "DateRecorded").get("valueDateTime"),
        staff=actors(resource, "practitioner"),
        faults=[fault],
    )
    given = resource.get("notGiven", False) is False
    status = record.policy.word("status", resource.get("status")) if given else "not_done"
    yield "immunisation", row | coded | record.of_problem(entry) | {"status": status}


def procedure_request(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    """A plan is a diary entry: a recall. An order is a request for a test."""
    resource = entry.resource
    coded, fault = record.codes(resource.get("code"))
    refused = None if resource.get("doNotPerform") in (None, False) else REQUEST_NOT_TO_DO
    row = record.event(
        entry,
        practice,
        effective=when(resource, "occurrence"),
        recorded=resource.get("authoredOn"),
        staff=[a_dict(resource.get("requester")).get("agent")],
        faults=(fault, refused),
    )
    status = resource.get("status")
    if resource.get("intent") == "plan":
        yield "recall", row | coded | {"is_active": status == "active", "is_complete": status == "completed"}
    else:
        yield "observation", row | coded | record.of_problem(entry) | {"observation_type": "test_request"}


def allergy(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    coded, fault = record.codes(resource.get("code"))
    row = record.event(
        entry,
        practice,
        effective=when(resource, "onset"),
        recorded=resource.get("assertedDate"),
        staff=[resource.get("recorder")],
        faults=[fault],
    )
    record.leave("AllergyIntolerance.reaction", len(dicts(resource.get("reaction"))))
    yield "allergy", row | coded | record.of_problem(entry) | {"status": _clinical_status(resource, record)}


def _clinical_status(resource: Element, record: Record) -> str | None:
    refuted = resource.get("verificationStatus") == "refuted"
    return record.policy.word("status", "refuted" if refuted else resource.get("clinicalStatus"))


def problem(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    coded, fault = record.codes(resource.get("code"))
    end = when(resource, "abatement")
    row = record.event(
        entry,
        practice,
        effective=when(resource, "onset"),
        recorded=resource.get("assertedDate"),
        staff=[resource.get("asserter")],
        faults=(fault, end.fault),
    )
    significance = first_extension(resource, "ProblemSignificance").get("valueCode")
    yield (
        "problem",
        row
        | coded
        | {
            "significance": record.policy.word("significance", significance),
            "status": _clinical_status(resource, record),
            "end_date": end.value,
            "end_date_precision": end.precision if end.value else None,
            "parent_problem_id": _parent_problem(resource, record),
        },
    )


def _parent_problem(resource: Element, record: Record) -> str | None:
    for header in extensions(resource, "RelatedProblemHeader"):
        if str(first_extension(header, "type").get("valueCode")).lower() == "parent":
            return record.link(first_extension(header, "target").get("valueReference"), "Condition")
    return None


def referral(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    reasons = dicts(resource.get("reasonCode"))
    coded, fault = record.codes(reasons[0] if reasons else None)
    record.leave("ReferralRequest.reasonCode", max(len(reasons) - 1, 0))
    requester = a_dict(resource.get("requester"))
    row = record.event(
        entry,
        practice,
        effective=partial_date(resource.get("authoredOn")),
        recorded=resource.get("authoredOn"),
        staff=[requester.get("agent")],
        faults=[fault],
    )
    yield (
        "referral",
        row
        | coded
        | {
            "urgency": record.policy.word("urgency", resource.get("priority")),
            "source_organisation_id": record.organisation([requester.get("onBehalfOf")]),
            "target_organisation_id": record.organisation(dicts(resource.get("recipient"))),
        },
    )


def document(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    """Only the code a document was filed under, which may be an objection. The document itself never leaves."""
    resource = entry.resource
    coded, fault = record.codes(resource.get("type"))
    if fault == UNCODED_ENTRY:
        record.leave("DocumentReference")
        return
    row = record.event(
        entry,
        practice,
        effective=partial_date(resource.get("created")),
        recorded=resource.get("indexed"),
        staff=dicts(resource.get("author")),
        faults=[fault],
    )
    yield "observation", row | coded | record.of_problem(entry) | {"observation_type": "document"}


def appointment(entry: Entry, record: Record, practice: PracticeFacts) -> Rows:
    resource = entry.resource
    minutes, fault = whole_number(resource.get("minutesDuration", _minutes_between(resource)))
    row = record.event(
        entry,
        practice,
        effective=partial_date(resource.get("start")),
        recorded=resource.get("created"),
        staff=actors(resource, "participant"),
        faults=[fault],
    )
    status = resource.get("status")
    yield (
        "appointment",
        row
        | {
            "status": record.policy.word("status", status),
            "did_not_attend": status == "noshow",
            "planned_minutes": minutes,
        },
    )


def _minutes_between(resource: Element) -> float | None:
    (start, _), (end, _) = instant(resource.get("start")), instant(resource.get("end"))
    return (end - start).total_seconds() / 60 if start and end else None


MAPPINGS: dict[str, Callable[[Entry, Record, PracticeFacts], Rows]] = {
    "Encounter": encounter,
    "Observation": observation,
    "DiagnosticReport": diagnostic_report,
    "Immunization": immunisation,
    "ProcedureRequest": procedure_request,
    "AllergyIntolerance": allergy,
    "MedicationRequest": medication_request,
    "MedicationStatement": medication_statement,
    "ReferralRequest": referral,
    "Condition": problem,
    "DocumentReference": document,
    "Appointment": appointment,
}
