"""Rows of the simulator as UK Core R4 resources: one function a file.

Only what the standard has a place for is written. Free text, names and addresses are, as suppliers send them.
"""

from simulator.formats.fhir_r4.elements import (
    SNOMED,
    UK_SITE,
    Cells,
    Resource,
    concept,
    effective,
    entered,
    moment,
    note,
    number,
    reference,
    resource,
    without_blanks,
    word,
)

VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_OBSERVATION_TYPES = {"Test Request": "test_request", "Family History": "family_history"}
_PRESCRIPTIONS = {
    "Acute medication": "acute",
    "Repeat medication": "continuous",
    "Repeat dispensing": "continuous-repeat-dispensing",
    "Automatic": "automatic",
}
_PRIORITIES = {"Routine": "routine", "Urgent": "urgent", "2 Week Wait": "2-week-wait"}
_SERVICES = {"Outpatient": "outpatient", "Assessment": "assessment", "Mental Health": "mental-health"}


def encounter(cells: Cells, code: Resource) -> Resource:
    status = "finished" if cells["Complete"] == "true" else "in-progress"
    written = entered(cells)
    return resource(
        "Encounter",
        cells["ConsultationGuid"],
        cells,
        status=status,
        statusHistory=[{"status": status, "period": {"start": written}}] if written else None,
        type=[code],
        subject=reference("Patient", cells["PatientGuid"]),
        participant=[{"individual": reference("PractitionerRole", cells["ClinicianUserInRoleGuid"])}],
        appointment=[reference("Appointment", cells["AppointmentSlotGuid"])],
        period=without_blanks(start=effective(cells)),
        reasonCode=[{"text": cells["ConsultationSourceTerm"]}] if cells["ConsultationSourceTerm"] else None,
    )


def entry(cells: Cells, code: Resource) -> Resource:
    """EMIS has one table for what FHIR has three types for."""
    kinds = {"Immunisation": _immunisation, "Allergy": _allergy}
    return kinds.get(cells["ObservationType"], _observation)(cells, code)


def _observation(cells: Cells, code: Resource) -> Resource:
    kind = cells["ObservationType"]
    limits = {"low": number(cells["NumericRangeLow"]), "high": number(cells["NumericRangeHigh"])}
    bounds = {name: {"value": value} for name, value in limits.items() if value is not None}
    return resource(
        "Observation",
        cells["ObservationGuid"],
        cells,
        status="final",
        category=[word(_OBSERVATION_TYPES.get(kind, kind.lower()))],
        code=code,
        subject=reference("Patient", cells["PatientGuid"]),
        encounter=reference("Encounter", cells["ConsultationGuid"]),
        effectiveDateTime=effective(cells),
        issued=entered(cells),
        performer=[reference("PractitionerRole", cells["ClinicianUserInRoleGuid"])],
        valueQuantity=without_blanks(value=number(cells["Value"]), unit=cells["NumericUnit"]),
        referenceRange=[bounds],
        note=note(cells["AssociatedText"]),
    )


def _immunisation(cells: Cells, code: Resource) -> Resource:
    return resource(
        "Immunization",
        cells["ObservationGuid"],
        cells,
        status="completed",
        vaccineCode=code,
        patient=reference("Patient", cells["PatientGuid"]),
        encounter=reference("Encounter", cells["ConsultationGuid"]),
        occurrenceDateTime=effective(cells),
        recorded=entered(cells),
        performer=[{"actor": reference("PractitionerRole", cells["ClinicianUserInRoleGuid"])}],
        reasonReference=[reference("Condition", cells["ProblemGuid"])],
        note=note(cells["AssociatedText"]),
    )


def _allergy(cells: Cells, code: Resource) -> Resource:
    return resource(
        "AllergyIntolerance",
        cells["ObservationGuid"],
        cells,
        verificationStatus=concept((VERIFICATION, "confirmed")),
        code=code,
        patient=reference("Patient", cells["PatientGuid"]),
        encounter=reference("Encounter", cells["ConsultationGuid"]),
        onsetDateTime=effective(cells),
        recordedDate=entered(cells),
        recorder=reference("PractitionerRole", cells["ClinicianUserInRoleGuid"]),
        note=note(cells["AssociatedText"]),
    )


def condition(cells: Cells, code: Resource) -> Resource:
    significance = "minor" if cells["SignificanceDescription"] == "Minor Problem" else "significant"
    past = cells["ProblemStatusDescription"] == "Past Problem"
    return resource(
        "Condition",
        cells["ObservationGuid"],
        cells,
        extension=[{"url": f"{UK_SITE}ProblemSignificance", "valueCode": significance}],
        clinicalStatus=word("past" if past else "active"),
        verificationStatus=concept((VERIFICATION, "confirmed")),
        code=code,
        subject=reference("Patient", cells["PatientGuid"]),
        encounter=reference("Encounter", cells["ConsultationGuid"]),
        onsetDateTime=effective(cells),
        recordedDate=entered(cells),
        recorder=reference("PractitionerRole", cells["ClinicianUserInRoleGuid"]),
        evidence=[{"detail": [reference("Observation", cells["ObservationGuid"])]}],
        abatementDateTime=cells["EndDate"],
        note=note(cells["Comment"]),
    )


def referral(cells: Cells, code: Resource) -> Resource:
    return resource(
        "ServiceRequest",
        cells["ObservationGuid"],
        cells,
        status="active",
        intent="order",
        category=[concept((SNOMED, "3457005")), word(_SERVICES[cells["ReferralServiceType"]])],
        priority=_PRIORITIES[cells["ReferralUrgency"]],
        code=code,
        subject=reference("Patient", cells["PatientGuid"]),
        encounter=reference("Encounter", cells["ConsultationGuid"]),
        authoredOn=moment(cells["ReferralReceivedDate"], cells["ReferralReceivedTime"]),
        requester=reference("PractitionerRole", cells["ClinicianUserInRoleGuid"]),
        supportingInfo=[reference("Organization", cells["ReferralSourceOrganisationGuid"])],
        performer=[reference("Organization", cells["ReferralTargetOrganisationGuid"])],
        reasonReference=[reference("Observation", cells["ObservationGuid"])],
        requisition={"system": "https://fhir.nhs.uk/Id/UBRN", "value": cells["ReferralUBRN"]},
    )


def recall(cells: Cells, code: Resource) -> Resource:
    return resource(
        "ServiceRequest",
        cells["DiaryGuid"],
        cells,
        status="completed" if cells["IsComplete"] == "true" else "active",
        intent="plan",
        code=code,
        subject=reference("Patient", cells["PatientGuid"]),
        occurrenceDateTime=effective(cells),
        authoredOn=entered(cells),
        requester=reference("PractitionerRole", cells["ClinicianUserInRoleGuid"]),
        note=note(cells["OriginalTerm"]),
    )


def authorisation(cells: Cells, code: Resource) -> Resource:
    issued = number(cells["NumberOfIssues"])
    repeats = {"url": "numberOfPrescriptionsIssued", "valueUnsignedInt": issued}
    return _medication(
        cells,
        code,
        cells["DrugRecordGuid"],
        intent="plan",
        status="active" if cells["IsActive"] == "true" else "stopped",
        course={"coding": [{"code": _PRESCRIPTIONS[cells["PrescriptionType"]]}]},
        dispense={"numberOfRepeatsAllowed": number(cells["NumberOfIssuesAuthorised"])},
        end=cells["CancellationDate"],
        extension=[{"url": f"{UK_SITE}MedicationRepeatInformation", "extension": [repeats]}],
    )


def issue(cells: Cells, code: Resource) -> Resource:
    days = without_blanks(value=number(cells["CourseDurationInDays"]), unit="day", code="d")
    return _medication(
        cells,
        code,
        cells["IssueRecordGuid"],
        intent="order",
        status="completed",
        dispense={"expectedSupplyDuration": days if cells["CourseDurationInDays"] else None},
        basedOn=[reference("MedicationRequest", cells["DrugRecordGuid"])],
    )


def _medication(
    cells: Cells,
    code: Resource,
    guid: str,
    *,
    intent: str,
    status: str,
    dispense: Resource,
    course: Resource | None = None,
    end: str = "",
    **more: object,
) -> Resource:
    quantity = without_blanks(value=number(cells["Quantity"]), unit=cells["QuantityUnit"])
    supply = without_blanks(
        validityPeriod=without_blanks(start=effective(cells), end=end), quantity=quantity, **dispense
    )
    return resource(
        "MedicationRequest",
        guid,
        cells,
        status=status,
        intent=intent,
        medicationCodeableConcept=code,
        subject=reference("Patient", cells["PatientGuid"]),
        authoredOn=entered(cells),
        requester=reference("PractitionerRole", cells["ClinicianUserInRoleGuid"]),
        reasonReference=[reference("Condition", cells["ProblemObservationGuid"])],
        courseOfTherapyType=course,
        dispenseRequest=supply,
        dosageInstruction=[{"text": cells["Dosage"]}],
        **more,
    )


def appointment(cells: Cells, _: Resource) -> Resource:
    status = "noshow" if cells["DidNotAttend"] == "true" else "fulfilled" if cells["LeftTime"] else "booked"
    return resource(
        "Appointment",
        cells["SlotGuid"],
        cells,
        status=status,
        start=moment(cells["AppointmentDate"], cells["AppointmentStartTime"]),
        minutesDuration=number(cells["PlannedDurationInMinutes"]),
        participant=[{"actor": reference("Patient", cells["PatientGuid"]), "status": "accepted"}]
        if cells["PatientGuid"]
        else None,
    )
