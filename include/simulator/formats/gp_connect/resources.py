"""Rows of the simulator as resources of GP Connect's Structured record (FHIR STU3): one function a file.

Only what the standard has a place for is written. Free text, names and addresses are, as suppliers send them.
"""

from collections.abc import Callable

from simulator.formats.gp_connect.elements import (
    SITE,
    UK_SITE,
    Cells,
    Coding,
    Resource,
    concept,
    effective,
    entered,
    moment,
    note,
    number,
    of_patient,
    reference,
    staff,
    value_of,
    without_blanks,
)

_PRIORITIES = {"Routine": "routine", "Urgent": "urgent"}


def encounter(cells: Cells, coding: Coding) -> Resource:
    return of_patient(
        "Encounter",
        cells,
        cells["ConsultationGuid"],
        status="finished" if cells["Complete"] == "true" else "in-progress",
        type=[concept(coding)],
        period=without_blanks(start=effective(cells)),
        participant=[
            {"type": [{"coding": [{"code": "PPRF"}]}], "individual": staff(cells)},
        ],
    )


def observation(cells: Cells, coding: Coding) -> Resource:
    quantity = without_blanks(value=number(cells["Value"]), unit=cells["NumericUnit"])
    low, high = (number(cells[name]) for name in ("NumericRangeLow", "NumericRangeHigh"))
    bounds = without_blanks(low=value_of(low), high=value_of(high))
    laboratory = [{"coding": [{"code": "laboratory"}]}] if cells["ObservationType"] == "Investigation" else None
    return of_patient(
        "Observation",
        cells,
        cells["ObservationGuid"],
        status="final",
        category=laboratory,
        code=concept(coding),
        context=reference("Encounter", cells["ConsultationGuid"]),
        effectiveDateTime=effective(cells),
        issued=entered(cells),
        performer=[staff(cells)],
        valueQuantity=quantity if cells["Value"] else None,
        referenceRange=[bounds] if bounds else None,
        comment=cells["AssociatedText"],
    )


def immunisation(cells: Cells, coding: Coding) -> Resource:
    recorded = entered(cells)
    extensions = [{"url": f"{UK_SITE}VaccinationProcedure-1", "valueCodeableConcept": concept(coding)}]
    extensions += [{"url": f"{SITE}DateRecorded-1", "valueDateTime": recorded}] if recorded else []
    return of_patient(
        "Immunization",
        cells,
        cells["ObservationGuid"],
        extension=extensions,
        status="completed",
        notGiven=False,
        vaccineCode={"coding": [{"system": "http://hl7.org/fhir/v3/NullFlavor", "code": "UNK"}]},
        encounter=reference("Encounter", cells["ConsultationGuid"]),
        date=effective(cells),
        primarySource=True,
        practitioner=[{"actor": staff(cells)}],
        note=note(cells["AssociatedText"]),
    )


def allergy(cells: Cells, coding: Coding) -> Resource:
    met = reference("Encounter", cells["ConsultationGuid"])
    link = [{"url": "http://hl7.org/fhir/StructureDefinition/encounter-associatedEncounter", "valueReference": met}]
    return of_patient(
        "AllergyIntolerance",
        cells,
        cells["ObservationGuid"],
        extension=link if met else None,
        clinicalStatus="active",
        verificationStatus="unconfirmed",
        code=concept(coding),
        onsetDateTime=effective(cells),
        assertedDate=entered(cells),
        recorder=staff(cells),
        note=note(cells["AssociatedText"]),
    )


def condition(cells: Cells, behind: Cells, coding: Coding, about: list[str]) -> Resource:
    """A problem, and the entries that are about it."""
    significance = "minor" if cells["SignificanceDescription"] == "Minor Problem" else "major"
    itself = reference("Observation", cells["ObservationGuid"])
    extensions = [
        {"url": f"{UK_SITE}ProblemSignificance-1", "valueCode": significance},
        {"url": f"{UK_SITE}ActualProblem-1", "valueReference": itself},
        *({"url": f"{UK_SITE}RelatedClinicalContent-1", "valueReference": {"reference": each}} for each in about),
    ]
    active = cells["ProblemStatusDescription"] == "Active Problem"
    return of_patient(
        "Condition",
        cells,
        cells["ObservationGuid"],
        extension=extensions,
        clinicalStatus="active" if active else "inactive",
        code=concept(coding),
        context=reference("Encounter", behind["ConsultationGuid"]),
        onsetDateTime=effective(behind),
        abatementDateTime=cells["EndDate"],
        assertedDate=entered(behind),
        asserter=staff(behind),
        note=note(cells["Comment"]),
    )


def referral_request(cells: Cells, behind: Cells, coding: Coding) -> Resource:
    on_behalf = reference("Organization", cells["ReferralSourceOrganisationGuid"])
    return of_patient(
        "ReferralRequest",
        cells,
        cells["ObservationGuid"],
        identifier=[{"system": "https://fhir.nhs.uk/Id/ubr-number", "value": cells["ReferralUBRN"]}],
        status="active",
        intent="order",
        priority=_PRIORITIES.get(cells["ReferralUrgency"]),
        context=reference("Encounter", behind["ConsultationGuid"]),
        authoredOn=moment(cells["ReferralReceivedDate"], cells["ReferralReceivedTime"]),
        requester={"agent": staff(behind), "onBehalfOf": on_behalf},
        recipient=[reference("Organization", cells["ReferralTargetOrganisationGuid"])],
        reasonCode=[concept(coding)],
    )


def procedure_request(cells: Cells, coding: Coding) -> Resource:
    return of_patient(
        "ProcedureRequest",
        cells,
        cells["DiaryGuid"],
        status="completed" if cells["IsComplete"] == "true" else "active",
        intent="plan",
        code=concept(coding),
        occurrenceDateTime=effective(cells),
        authoredOn=entered(cells),
        requester={"agent": staff(cells)},
        note=note(cells["OriginalTerm"]),
    )


OF_OBSERVATIONS: dict[str, Callable[[Cells, Coding], Resource]] = {
    "observation": observation,
    "immunisation": immunisation,
    "allergy": allergy,
}
