"""The simulator's rows as elements of GPDPR 0.77: which cell is which attribute, and in whose words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from simulator.codings import codings, drugs
from simulator.facts import STRANGER, TABLE, Rows
from simulator.formats.gpdpr_xml.cells import Attributes, Cells, codes, event, filled
from simulator.formats.gpdpr_xml.rows import LINKS, facts_of
from simulator.formats.gpdpr_xml.text import elements
from simulator.practice import Practice
from simulator.record import nhs_numbers

_NOBODY_HAS_IT = "9990000000"  # its check digit would be ten
_GENDERS = {"M": "1", "F": "2", "U": "0", "I": "9"}


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of one table, and whose snapshot each stands in ("" for nobody's)."""

    table: str
    whose: pa.Array = field(repr=False)
    xml: pl.Series = field(repr=False)


def elements_of(source: Practice, rows: Rows) -> Iterator[Elements]:
    """An observation of EMIS is an observation, an immunisation or an allergy."""
    if rows.file == "CareRecord_Observation":
        for table in ("observation", "immunisation", "allergy"):
            some = rows.where(facts_of(rows).table == TABLE[table])
            if len(some):
                yield Elements(table, _whose(some), elements(table, _observation(source, some, table)))
        return
    table, cells = _TABLES[rows.file]
    yield Elements(table, _whose(rows), elements(table.replace("_", "-"), cells(source, rows)))


def _whose(rows: Rows) -> pa.Array:
    return Cells(rows).guid("PatientGuid")


def _organisation(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    return {
        "id": cell.guid("OrganisationGuid"),
        "name": cell["OrganisationName"],
        "ods_code": cell["ODSCode"],
        "type": cell.lower("OrganisationType"),
    }


def _practitioner(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    return {
        "id": cell.guid("UserInRoleGuid"),
        "sds_job_role_code": cell["JobCategoryCode"],
        "local_job_role": cell["JobCategoryName"],
        "forename": cell["GivenName"],
        "surname": cell["Surname"],
        "title": cell["Title"],
    }


def _patient(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    died, left = filled(cell["DateOfDeath"]), filled(cell["DateOfDeactivation"])
    genders = pl.Series(pl.from_arrow(cell["Sex"])).replace(_GENDERS).to_arrow().cast(pa.string())
    return {
        "id": cell.guid("PatientGuid"),
        "patient_id_deid": cell["NhsNumber"],
        "local_id_deid": cell["PatientNumber"],
        "postcode_deid": cell["Postcode"],
        "date_of_death_deid": cell["DateOfDeath"],
        "registered_date": cell["DateOfRegistration"],
        "registration_end_date": cell["DateOfDeactivation"],
        "registration_type": cell.lower("PatientTypeDescription"),
        "source_registration_type": _own_word(cell),
        "registration_status": pc.if_else(pc.or_(died, left), "false", "true"),
        "date_of_birth_deid": cell["DateOfBirth"],
        "gender": genders,
        "named_gp": cell.guid("UsualGpUserInRoleGuid"),
        "practice": pa.array([source.code] * len(rows)),
    }


def _own_word(cell: Cells) -> pa.Array:
    """The one place where a supplier can say that a patient is a test, is protected, or is deleted."""
    true = [pc.equal(cell[name], "true") for name in ("IsConfidential", "SpineSensitive", "Deleted")]
    word = pc.if_else(pc.or_(true[0], true[1]), "Confidential", cell["PatientTypeDescription"])
    word = pc.if_else(filled(cell["DummyType"]), cell["DummyType"], word)
    return pc.if_else(true[2], "Deleted", word)


def _encounter(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    own = {"appointment_id": cell.guid("AppointmentSlotGuid"), "location": cell["ConsultationSourceTerm"]}
    return {**event(rows, "ConsultationGuid"), "encounter_id": cell[""], **codes(source, rows), **own}


def _observation(source: Practice, rows: Rows, table: str) -> Attributes:
    cell = Cells(rows)
    shared = {**event(rows, "ObservationGuid"), **codes(source, rows)}
    if table != "observation":
        return {**shared, "other_expession": cell[""]}
    return {
        **shared,
        "value_pq_1": cell["Value"],
        "uom": cell["NumericUnit"],
        "range_lower": cell["NumericRangeLow"],
        "range_upper": cell["NumericRangeHigh"],
        "value_string": cell["AssociatedText"],
        "value_other_code": codings(source, rows).national,
    }


def _recall(source: Practice, rows: Rows) -> Attributes:
    return {**event(rows, "DiaryGuid"), **codes(source, rows), "rubric": Cells(rows)["OriginalTerm"]}


def _medication(rows: Rows, record: str, intent: str) -> Attributes:
    cell = Cells(rows)
    product, term = drugs(rows) if "CodeId" in rows.columns else (cell[""], cell[""])
    return {
        **event(rows, record),
        "snomed_concept_id": product,
        "other_code": pc.if_else(filled(product), "", cell["CodeId"]),
        "rubric": term,
        "intent": pa.array([intent] * len(rows)),
        "quantity": cell["Quantity"],
        "uom": cell["QuantityUnit"],
        "dose": cell["Dosage"],
    }


def _authorisation(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    in_use = pc.if_else(pc.equal(cell["IsActive"], "true"), "active", "stopped")
    return {
        **_medication(rows, "DrugRecordGuid", "plan"),
        "type": cell.lower("PrescriptionType", " medication"),
        "status": pc.if_else(filled(cell["IsActive"]), in_use, ""),
        "stop_date": cell["CancellationDate"],
        "number_authorised": cell["NumberOfIssuesAuthorised"],
    }


def _issue(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    return {
        **_medication(rows, "IssueRecordGuid", "order"),
        "authorisation_id": cell.guid("DrugRecordGuid"),
        "duration": cell["CourseDurationInDays"],
        "duration_uom": pc.if_else(filled(cell["CourseDurationInDays"]), "day", ""),
    }


def _referral(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    return {
        **event(rows, "ObservationGuid"),
        "recorded_date": cell.day_and_time("ReferralReceivedDate", "ReferralReceivedTime"),
        "effective_date": cell["ReferralReceivedDate"],
        "end_date": cell["ReferralEndDate"],
        "ubrn": cell["ReferralUBRN"],
        "priority": cell.lower("ReferralUrgency"),
        "type": cell.lower("ReferralServiceType"),
        "to_organisation": cell.guid("ReferralTargetOrganisationGuid"),
    }


def _problem(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    return {
        **event(rows, "ObservationGuid"),
        "end_date": cell["EndDate"],
        "status": cell.lower("ProblemStatusDescription", " problem"),
        "significance": cell.lower("SignificanceDescription", " problem"),
        "problem_id": cell.guid("ParentProblemObservationGuid"),
        "rubric": cell["Comment"],
    }


def _problem_link(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    return {
        "registration_id": cell.guid("PatientGuid"),
        "problem_id": cell.guid("ProblemGuid"),
        "event_id": cell.guid("EventGuid"),
    }


def _appointment(source: Practice, rows: Rows) -> Attributes:
    cell = Cells(rows)
    deleted = facts_of(rows).deleted
    seen = pc.if_else(filled(cell["SendInTime"]), "seen", "booked")
    status = pc.if_else(pc.equal(cell["DidNotAttend"], "true"), "did not attend", seen)
    return {
        "id": cell.guid("SlotGuid"),
        "patient_id_deid": _person(source, rows),
        "scheduled_start_time": cell.day_and_time("AppointmentDate", "AppointmentStartTime"),
        "status": pc.if_else(pa.array(deleted), "", status),
        "scheduled_duration": cell["PlannedDurationInMinutes"],
        "actual_duration": cell["ActualDurationInMinutes"],
        "slot_deletion_date_time": pc.if_else(pa.array(deleted), "2026-09-01T00:00:00", ""),
    }


def _person(source: Practice, rows: Rows) -> pa.Array:
    stranger = pa.array(facts_of(rows).patient == STRANGER)
    return pc.if_else(stranger, _NOBODY_HAS_IT, nhs_numbers(source, rows))


_TABLES: dict[str, tuple[str, Callable[[Practice, Rows], Attributes]]] = {
    "Admin_Organisation": ("organisation", _organisation),
    "Admin_UserInRole": ("practitioner", _practitioner),
    "Admin_Patient": ("patient", _patient),
    "CareRecord_Consultation": ("encounter", _encounter),
    "CareRecord_Diary": ("recall", _recall),
    "Prescribing_DrugRecord": ("medication", _authorisation),
    "Prescribing_IssueRecord": ("medication", _issue),
    "CareRecord_ObservationReferral": ("referral", _referral),
    "CareRecord_Problem": ("problem", _problem),
    LINKS: ("problem_link", _problem_link),
    "Appointment_Slot": ("appointment", _appointment),
}
