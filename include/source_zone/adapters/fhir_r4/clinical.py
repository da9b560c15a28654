"""From a resource to rows of the identified tables: one short function a resource type, and no text ever read."""

from typing import Any

from source_zone.adapters.fhir_r4.elements import instant, when
from source_zone.adapters.fhir_r4.record import Entry, Record, Row, Rows, of_concept, of_concepts, verification
from source_zone.adapters.gp_connect.elements import UNCODED_ENTRY, whole_number

REQUEST_NOT_TO_DO = "request_not_to_do"
_ABOUT = ("Observation", "Immunization", "AllergyIntolerance")  # what a problem or a referral can be about


def encounter(entry: Entry, record: Record) -> Rows:
    resource, elements = entry.resource, record.elements
    coded = record.codes(next(iter(resource.type or ()), None))
    row = record.event(
        entry,
        subject=resource.subject,
        effective=when(None, resource.period),
        recorded=_status_since(resource),
        staff=elements.staff(*[each.individual for each in resource.participant or ()]),
        status=resource.status,
        # An encounter says who met whom and when, also without a code.
        faults=(None if coded.fault == UNCODED_ENTRY else coded.fault,),
    )
    name = row["record_id"]
    (record.restricted_encounters.add if row["is_confidential"] else record.restricted_encounters.discard)(name)
    own: Row = {
        "appointment_id": elements.first_link(resource.appointment, "Appointment"),
        "is_complete": resource.status == "finished",
    }
    return [("encounter", row | coded.columns | own)]


def _status_since(resource: Any) -> object:
    history = resource.statusHistory
    return history[-1].period.start if history and history[-1].period is not None else None


def immunisation(entry: Entry, record: Record) -> Rows:
    """The procedure says what was given where the vaccine code does not."""
    resource, elements = entry.resource, record.elements
    coded = record.codes(resource.vaccineCode)
    if coded.fault == UNCODED_ENTRY and resource.extension is not None:
        given = elements.extension(resource, "VaccinationProcedure")
        coded = record.codes(given.valueCodeableConcept if given is not None else None)
    row = record.event(
        entry,
        subject=resource.patient,
        effective=when(resource.occurrenceDateTime),
        recorded=resource.recorded,
        staff=elements.staff(*[each.actor for each in resource.performer or ()]),
        encounter=resource.encounter,
        status=resource.status,
        faults=(coded.fault,),
    )
    own: Row = {
        "status": record.policy.word("status", resource.status),
        "problem_id": elements.first_link(resource.reasonReference, "Condition"),
    }
    return [("immunisation", row | coded.columns | own)]


def allergy(entry: Entry, record: Record) -> Rows:
    resource = entry.resource
    coded = record.codes(resource.code)
    row = record.event(
        entry,
        subject=resource.patient,
        effective=when(resource.onsetDateTime, resource.onsetPeriod),
        recorded=resource.recordedDate,
        staff=record.elements.staff(resource.recorder, resource.asserter),
        encounter=resource.encounter,
        status=verification(resource),
        faults=(coded.fault,),
    )
    return [("allergy", row | coded.columns | {"status": _clinical_status(resource, record)})]


def _clinical_status(resource: Any, record: Record) -> str | None:
    return record.policy.word("status", *sorted(of_concept(resource.clinicalStatus)))


def problem(entry: Entry, record: Record) -> Rows:
    """One that is about another entry needs no code of its own."""
    resource, elements = entry.resource, record.elements
    coded, about = record.codes(resource.code), _about(resource, record)
    end = when(resource.abatementDateTime)
    if resource.abatementPeriod is not None and end.value is None:
        end = when(resource.abatementPeriod.end)
    row = record.event(
        entry,
        subject=resource.subject,
        effective=when(resource.onsetDateTime, resource.onsetPeriod),
        recorded=resource.recordedDate,
        staff=elements.staff(resource.recorder, resource.asserter),
        encounter=resource.encounter,
        status=verification(resource),
        faults=(end.fault, None if about and coded.fault == UNCODED_ENTRY else coded.fault),
    )
    significance = elements.extension(resource, "ProblemSignificance")
    own: Row = {
        "significance": record.policy.word("significance", significance and significance.valueCode),
        "status": _clinical_status(resource, record),
        "end_date": end.value,
        "end_date_precision": end.precision if end.value else None,
        "parent_problem_id": _parent_problem(resource, record),
        "extends_id": about,
    }
    return [("problem", row | coded.columns | own)]


def _about(resource: Any, record: Record) -> str | None:
    actual = record.elements.extension(resource, "ActualProblem")
    links = [actual.valueReference] if actual is not None else []
    links += [detail for each in resource.evidence or () for detail in each.detail or ()]
    return record.elements.first_link(links, *_ABOUT)


def _parent_problem(resource: Any, record: Record) -> str | None:
    header = record.elements.extension(resource, "RelatedProblemHeader")
    kind, target = record.elements.extension(header, "type"), record.elements.extension(header, "target")
    if kind is None or target is None or str(kind.valueCode).lower() != "parent":
        return None
    return record.elements.link(target.valueReference, "Condition")


def service_request(entry: Entry, record: Record) -> Rows:
    """A plan is a diary entry: a recall. The rest are referrals, or requests for a test."""
    resource, elements = entry.resource, record.elements
    coded = record.codes(resource.code)
    is_plan = resource.intent == "plan"
    categories = of_concepts(resource.category)
    about = elements.first_link(resource.reasonReference, *_ABOUT)
    is_referral = not is_plan and bool(about or record.policy.referral_categories.intersection(categories))
    due = when(resource.occurrenceDateTime, resource.occurrencePeriod)
    uncoded = is_referral and coded.fault == UNCODED_ENTRY  # a referral says from where to where, also without a code
    row = record.event(
        entry,
        subject=resource.subject,
        effective=due if due.value or due.fault else when(resource.authoredOn),
        recorded=resource.authoredOn,
        staff=elements.staff(resource.requester),
        encounter=resource.encounter,
        status=resource.status,
        faults=(
            None if uncoded else coded.fault,
            REQUEST_NOT_TO_DO if resource.doNotPerform not in (None, False) else None,
        ),
    )
    row |= coded.columns
    if is_plan:
        done: Row = {"is_active": resource.status == "active", "is_complete": resource.status == "completed"}
        return [("recall", row | done)]
    if is_referral:
        return [("referral", row | _referral(resource, record, categories) | {"extends_id": about})]
    return [("observation", row | {"observation_type": "test_request"})]


def _referral(resource: Any, record: Record, categories: list[str]) -> Row:
    elements, policy = record.elements, record.policy
    services = [code for code in categories if code not in policy.referral_categories]
    end = when(resource.occurrencePeriod.end) if resource.occurrencePeriod is not None else when(None)
    return {
        "urgency": policy.word("urgency", resource.priority),
        "service_type": policy.word("service_type", *services),
        "source_organisation_id": elements.first_link(
            [resource.requester, *(resource.supportingInfo or ())], "Organization"
        ),
        "target_organisation_id": elements.first_link(resource.performer, "Organization"),
        "end_date": end.value,
    }


def appointment(entry: Entry, record: Record) -> Rows:
    resource = entry.resource
    actors = [each.actor for each in resource.participant or () if each.actor is not None]
    minutes, fault = whole_number(
        resource.minutesDuration if resource.minutesDuration is not None else _minutes_between(resource)
    )
    row = record.event(
        entry,
        subject=next((each for each in actors if record.registration(each)), None),
        effective=when(resource.start),
        recorded=resource.created,
        staff=record.elements.staff(*actors),
        status=resource.status,
        faults=(fault,),
    )
    own: Row = {
        "status": record.policy.word("status", resource.status),
        "did_not_attend": resource.status == "noshow",
        "planned_minutes": minutes,
    }
    return [("appointment", row | own)]


def _minutes_between(resource: Any) -> float | None:
    (start, _), (end, _) = instant(resource.start), instant(resource.end)
    return (end - start).total_seconds() / 60 if start and end else None
