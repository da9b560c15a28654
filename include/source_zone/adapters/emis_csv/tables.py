"""How each EMIS table becomes canonical tables: one small function a table, nothing but mapping.

The rows of a coded table come with their codes and `code_fault` already joined on.
"""

from collections.abc import Callable

import polars as pl

from source_zone.adapters.emis_csv import words as emis_words
from source_zone.adapters.emis_csv.people import organisations, patients, staff_roles
from source_zone.adapters.emis_csv.record import Mapped, event, fault, fault_or_uncoded, of_a_patient
from source_zone.adapters.reading import day, first_fault, flag, instant, number, selected, whole_number, words

_CODES = ("snomed_concept_id", "snomed_description_id", "read_v2_code", "ctv3_code", "local_code", "further_codes")
_CLINICAL = [pl.col(name) for name in _CODES]


def encounters(rows: pl.DataFrame) -> Mapped:
    return {
        "encounter": selected(
            rows,
            *event("ConsultationGuid"),
            *_CLINICAL,
            pl.col("AppointmentSlotGuid").alias("appointment_id"),
            flag("Complete").alias("is_complete"),
            fault(),
        )
    }


def observations(rows: pl.DataFrame) -> Mapped:
    """One EMIS table holds observations, immunisations and allergies; the type says which.

    A tombstone has no type, so it goes as an observation; the token is the same in whichever table the record was.
    """
    mapped = selected(
        rows,
        *event("ObservationGuid"),
        *_CLINICAL,
        pl.col("ConsultationGuid").alias("encounter_id"),
        words("ObservationType", emis_words.OBSERVATION_TYPE).alias("observation_type"),
        number("Value").alias("value"),
        pl.col("NumericUnit").alias("value_unit"),
        number("NumericRangeLow").alias("range_low"),
        number("NumericRangeHigh").alias("range_high"),
        pl.col("ParentObservationGuid").alias("parent_id"),
        pl.col("ProblemGuid").alias("problem_id"),
        fault_or_uncoded(numbers=("Value", "NumericRangeLow", "NumericRangeHigh")),
    )
    kind = pl.col("observation_type").fill_null("observation")
    return {
        "observation": mapped.filter(~kind.is_in(["immunisation", "allergy"])),
        "immunisation": mapped.filter(kind == "immunisation"),
        "allergy": mapped.filter(kind == "allergy"),
    }


def problems(rows: pl.DataFrame) -> Mapped:
    return {
        "problem": selected(
            rows,
            *of_a_patient("ObservationGuid"),
            pl.col("ParentProblemObservationGuid").alias("parent_problem_id"),
            words("SignificanceDescription", emis_words.SIGNIFICANCE).alias("significance"),
            words("ProblemStatusDescription", emis_words.PROBLEM_STATUS).alias("status"),
            day("EndDate").alias("end_date"),
            words("EndDatePrecision", emis_words.PRECISION).alias("end_date_precision"),
            day("LastReviewDate").alias("last_review_date"),
            pl.lit(False).alias("is_confidential"),
            first_fault(dates=("EndDate", "LastReviewDate"), flags=("Deleted",)).alias("fault"),
        )
    }


def referrals(rows: pl.DataFrame) -> Mapped:
    reading = first_fault(dates=("ReferralReceivedDate", "ReferralEndDate"))
    return {
        "referral": selected(
            rows,
            pl.col("ObservationGuid").alias("record_id"),
            pl.col("PatientGuid").alias("registration_id"),
            pl.lit(False).alias("is_deleted"),
            day("ReferralReceivedDate").alias("effective_date"),
            pl.when(pl.col("ReferralReceivedDate").is_not_null()).then(pl.lit("day")).alias("effective_date_precision"),
            instant("ReferralReceivedDate", "ReferralReceivedTime").alias("recorded_at"),
            *_CLINICAL,
            words("ReferralUrgency", emis_words.URGENCY).alias("urgency"),
            words("ReferralServiceType", emis_words.SERVICE).alias("service_type"),
            words("ReferralMode", emis_words.MODE).alias("mode"),
            pl.col("ReferralSourceOrganisationGuid").alias("source_organisation_id"),
            pl.col("ReferralTargetOrganisationGuid").alias("target_organisation_id"),
            day("ReferralEndDate").alias("end_date"),
            pl.lit(False).alias("is_confidential"),
            pl.coalesce(reading, pl.col("code_fault")).alias("fault"),
        )
    }


def recalls(rows: pl.DataFrame) -> Mapped:
    return {
        "recall": selected(
            rows,
            *event("DiaryGuid"),
            *_CLINICAL,
            pl.col("ConsultationGuid").alias("encounter_id"),
            flag("IsActive").alias("is_active"),
            flag("IsComplete").alias("is_complete"),
            fault_or_uncoded(),
        )
    }


def _medication(rows: pl.DataFrame, intent: str, record: str, more: list[pl.Expr], whole: tuple[str, ...]) -> Mapped:
    return {
        "medication": selected(
            rows,
            *event(record),
            pl.col("dmd_code"),
            pl.lit(intent).alias("intent"),
            number("Quantity").alias("quantity"),
            pl.col("QuantityUnit").str.to_lowercase().alias("quantity_unit"),
            pl.col("ProblemObservationGuid").alias("problem_id"),
            *more,
            fault_or_uncoded(numbers=("Quantity",), whole=whole),
        )
    }


def authorisations(rows: pl.DataFrame) -> Mapped:
    own = [
        words("PrescriptionType", emis_words.PRESCRIPTION).alias("prescription_type"),
        flag("IsActive").alias("is_active"),
        day("CancellationDate").alias("stop_date"),
        whole_number("NumberOfIssues").alias("issues_made"),
        whole_number("NumberOfIssuesAuthorised").alias("issues_authorised"),
    ]
    return _medication(rows, "plan", "DrugRecordGuid", own, ("NumberOfIssues", "NumberOfIssuesAuthorised"))


def issues(rows: pl.DataFrame) -> Mapped:
    own = [
        pl.col("DrugRecordGuid").alias("authorisation_id"),
        whole_number("CourseDurationInDays").alias("course_days"),
    ]
    return _medication(rows, "order", "IssueRecordGuid", own, ("CourseDurationInDays",))


def appointments(rows: pl.DataFrame) -> Mapped:
    return {
        "appointment": selected(
            rows,
            *of_a_patient("SlotGuid"),
            day("AppointmentDate").alias("effective_date"),
            pl.when(pl.col("AppointmentDate").is_not_null()).then(pl.lit("day")).alias("effective_date_precision"),
            flag("DidNotAttend").alias("did_not_attend"),
            whole_number("PlannedDurationInMinutes").alias("planned_minutes"),
            whole_number("ActualDurationInMinutes").alias("actual_minutes"),
            pl.lit(False).alias("is_confidential"),
            first_fault(
                dates=("AppointmentDate",),
                whole=("PlannedDurationInMinutes", "ActualDurationInMinutes"),
                flags=("Deleted",),
            ).alias("fault"),
        )
    }


MAPPINGS: dict[str, Callable[[pl.DataFrame], Mapped]] = {
    "Admin_Organisation": organisations,
    "Admin_UserInRole": staff_roles,
    "Admin_Patient": patients,
    "CareRecord_Consultation": encounters,
    "CareRecord_Observation": observations,
    "CareRecord_Problem": problems,
    "CareRecord_ObservationReferral": referrals,
    "CareRecord_Diary": recalls,
    "Prescribing_DrugRecord": authorisations,
    "Prescribing_IssueRecord": issues,
    "Appointment_Slot": appointments,
}

# Coded table -> the column of its record's id, the column of its code.
CLINICAL_CODE = {
    "CareRecord_Consultation": ("ConsultationGuid", "ConsultationSourceCodeId"),
    "CareRecord_Observation": ("ObservationGuid", "CodeId"),
    "CareRecord_ObservationReferral": ("ObservationGuid", "ReferralReasonCodeId"),
    "CareRecord_Diary": ("DiaryGuid", "CodeId"),
}
DRUG_CODE = {
    "Prescribing_DrugRecord": ("DrugRecordGuid", "CodeId"),
    "Prescribing_IssueRecord": ("IssueRecordGuid", "CodeId"),
}
