"""Consultations, recalls, prescriptions and appointments."""

import numpy as np
import pyarrow as pa

from simulator import codes
from simulator.calendar import FIRST_EXTRACT_DAY
from simulator.codes import Role
from simulator.draws import Numbers
from simulator.emis.observations import naming_the_patient
from simulator.facts import Facts, Rows
from simulator.practice import A_NIGHTS_PLACES, PLANTED, Practice, event_columns, extract_days, night_of
from simulator.texts import UNDATED, booleans, constant, days, joined, only_where, picked, times, whole

SESSIONS_PER_PATIENT = 0.5


def consultations(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    when = source.written_down("consultation", patient, k, source.day("consultation", patient, k), revision)
    pool = codes.of_role(Role.CONSULTATION)
    code = pool[source.draws.below(len(pool), "source", patient, k)]
    slot, booked = source.link("consultation", "slot", patient, k)
    columns = {
        **event_columns(source, "consultation", patient, k, when),
        "ConsultationGuid": source.guids("consultation", patient, k),
        "AppointmentSlotGuid": source.guids("slot", patient, slot, where=booked),
        "ConsultationSourceTerm": naming_the_patient(source, patient, k, one_in=40),
        "ConsultationSourceCodeId": picked(codes.CODE_IDS, code),
        "Complete": booleans(source.draws.below(50, "complete", patient, k, revision) > 0),
    }
    facts = Facts.of("encounter", patient, effective=when.day)
    facts.code = code
    return Rows(file="CareRecord_Consultation", columns=columns, facts=facts)


def diary_entries(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    when = source.written_down("diary", patient, k, source.day("diary", patient, k), revision)
    pool = codes.of_role(Role.RECALL)
    code = pool[source.draws.below(len(pool), "recall", patient, k)]
    due = _some_planned(source, "diary", patient, k, when.day, days_ahead=365)
    complete = (source.draws.below(2, "recalled", patient, k, revision) == 0) & (due == when.day)
    columns = {
        **event_columns(source, "diary", patient, k, when),
        "DiaryGuid": source.guids("diary", patient, k),
        "EffectiveDate": days(due),
        "CodeId": picked(codes.CODE_IDS, code),
        "OriginalTerm": naming_the_patient(source, patient, k, one_in=10),
        "DurationTerm": constant("12 months", len(patient)),
        "LocationTypeDescription": constant("Surgery", len(patient)),
        "IsActive": booleans(~complete),
        "IsComplete": booleans(complete),
    }
    facts = Facts.of("recall", patient, effective=due)
    facts.code = code
    return Rows(file="CareRecord_Diary", columns=columns, facts=facts)


def drug_records(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    """Authorisations to prescribe."""
    when = source.written_down("drug", patient, k, source.day("drug", patient, k), revision)
    draws = source.draws
    cancelled = draws.below(4, "cancelled", patient, k) == 0
    kinds = ["Acute medication", "Repeat medication", "Repeat dispensing", "Automatic"]
    columns = {
        **event_columns(source, "drug", patient, k, when),
        **_supply(source, patient, k, _drug(source, patient, k)),
        "DrugRecordGuid": source.guids("drug", patient, k),
        "ProblemObservationGuid": _about_a_problem(source, "drug", patient, k),
        "PrescriptionType": picked(kinds, draws.below(4, "prescription type", patient, k)),
        "IsActive": booleans(~cancelled),
        "CancellationDate": days(np.where(cancelled, when.entered_day, UNDATED)),
        "NumberOfIssues": whole(draws.below(12, "issues", patient, k, revision)),
        "NumberOfIssuesAuthorised": whole(12 + draws.below(3, "authorised", patient, k)),
    }
    return Rows(file="Prescribing_DrugRecord", columns=columns, facts=_medication(patient, when.day))


def issue_records(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    """Prescriptions issued, most of them under an authorisation."""
    when = source.written_down("issue", patient, k, source.day("issue", patient, k), revision)
    record, authorised = source.link("issue", "drug", patient, k)
    drug = np.where(authorised, _drug(source, patient, record), _drug(source, patient, k))
    columns = {
        **event_columns(source, "issue", patient, k, when),
        **_supply(source, patient, k, drug),
        "IssueRecordGuid": source.guids("issue", patient, k),
        "DrugRecordGuid": source.guids("drug", patient, record, where=authorised),
        "ProblemObservationGuid": _about_a_problem(source, "issue", patient, k),
        "CourseDurationInDays": whole(7 * (1 + source.draws.below(8, "course", patient, k, revision))),
        "EstimatedNhsCost": pa.array(source.draws.below(4_000, "cost", patient, k) / 100).cast(pa.string()),
    }
    return Rows(file="Prescribing_IssueRecord", columns=columns, facts=_medication(patient, when.day))


def slots(source: Practice, patient: Numbers, k: Numbers, *, revision: int = 0) -> Rows:
    past = source.day("slot", patient, k)
    day = _some_planned(source, "slot", patient, k, past, days_ahead=42)
    draws = source.draws
    start = 28_800 + 600 * draws.below(55, "slot start", patient, k)
    missed = (draws.below(15, "missed", patient, k, revision) == 0) & (day == past)
    seen = ~missed & (day == past)
    wait, lasted = draws.below(25, "wait", patient, k), 5 + draws.below(15, "lasted", patient, k)
    columns = {
        "SlotGuid": source.guids("slot", patient, k),
        "AppointmentDate": days(day),
        "AppointmentStartTime": times(start),
        "PlannedDurationInMinutes": constant("10", len(patient)),
        "PatientGuid": source.guids("patient", patient),
        "SendInTime": times(np.where(seen, start + 60 * wait, -1)),
        "LeftTime": times(np.where(seen, start + 60 * (wait + lasted), -1)),
        "DidNotAttend": booleans(missed),
        "PatientWaitInMin": only_where(whole(wait), seen),
        "AppointmentDelayInMin": constant("0", len(patient)),
        "ActualDurationInMinutes": only_where(whole(lasted), seen),
        "OrganisationGuid": constant(source.organisation, len(patient)),
        "SessionGuid": draws.guids("session", draws.below(session_count(source), "in session", patient, k)),
        "Deleted": constant("false", len(patient)),
    }
    facts = Facts.of("appointment", patient, effective=day)
    facts.look_back_day = day
    return Rows(file="Appointment_Slot", columns=columns, facts=facts)


def _some_planned(
    source: Practice, kind: str, patient: Numbers, k: Numbers, day: Numbers, *, days_ahead: int
) -> Numbers:
    """One in eight of the rows of patients still there is about a day to come after their extract."""
    still_here = source.last_day[patient] == FIRST_EXTRACT_DAY - 1
    planned = still_here & (source.draws.below(8, f"{kind} planned", patient, k) == 0) & (k < PLANTED * A_NIGHTS_PLACES)
    ahead = extract_days(night_of(k)) + 1 + source.draws.below(days_ahead, f"{kind} ahead", patient, k)
    return np.where(planned, ahead, day)


def session_count(source: Practice) -> int:
    return 6 + int(source.size.patients * SESSIONS_PER_PATIENT)


def _medication(patient: Numbers, day: Numbers) -> Facts:
    facts = Facts.of("medication", patient, effective=day)
    facts.look_back_day = day
    return facts


def _drug(source: Practice, patient: Numbers, k: Numbers) -> Numbers:
    return source.draws.below(len(codes.DRUGS), "drug", patient, k)


def _supply(source: Practice, patient: Numbers, k: Numbers, drug: Numbers) -> dict[str, pa.Array]:
    dose = whole(1 + source.draws.below(3, "dose", patient, k))
    text = naming_the_patient(source, patient, k, one_in=15)
    return {
        "CodeId": picked(codes.DRUG_IDS, drug),
        "Dosage": joined(dose, constant(" to be taken daily. ", len(patient)), text),
        "Quantity": whole(7 * (1 + source.draws.below(16, "quantity", patient, k))),
        "QuantityUnit": picked(codes.DRUG_UNITS, drug),
    }


def _about_a_problem(source: Practice, kind: str, patient: Numbers, k: Numbers) -> pa.Array:
    problem, available = source.link(kind, "problem", patient, k)
    return source.guids("observation", patient, problem, where=available & (problem % 2 == 0))
