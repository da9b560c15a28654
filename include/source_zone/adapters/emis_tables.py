"""How each EMIS table becomes canonical tables: one small function a table, nothing but mapping.

The rows of a coded table come with their codes and `code_fault` already joined on.
"""

from collections.abc import Callable

import polars as pl

from source_zone.adapters import emis_words
from source_zone.adapters.reading import day, first_fault, flag, guid, instant, number, whole_number, words

Mapped = dict[str, pl.DataFrame]


_CODES = ("snomed_concept_id", "snomed_description_id", "read_v2_code", "ctv3_code", "local_code", "further_codes")
_CLINICAL = [pl.col(name) for name in _CODES]


def _of_a_patient(record: str) -> list[pl.Expr]:
    return [
        guid(record).alias("record_id"),
        guid("PatientGuid").alias("registration_id"),
        flag("Deleted").fill_null(False).alias("is_deleted"),
    ]


def _event(record: str) -> list[pl.Expr]:
    return [
        *_of_a_patient(record),
        day("EffectiveDate").alias("effective_date"),
        words("EffectiveDatePrecision", emis_words.PRECISION).alias("effective_date_precision"),
        instant("EnteredDate", "EnteredTime").alias("recorded_at"),
        guid("ClinicianUserInRoleGuid").alias("staff_role_id"),
        flag("IsConfidential").alias("is_confidential"),
    ]


def _fault(*, numbers: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> pl.Expr:
    reading = first_fault(dates=("EffectiveDate", "EnteredDate"), numbers=numbers, whole=whole)
    return pl.coalesce(reading, pl.col("code_fault")).alias("fault")


def _fault_or_uncoded(*, numbers: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> pl.Expr:
    uncoded = pl.when(pl.col("CodeId").is_null() & ~flag("Deleted").fill_null(False)).then(pl.lit("uncoded_entry"))
    return pl.coalesce(_fault(numbers=numbers, whole=whole), uncoded).alias("fault")


def organisations(rows: pl.DataFrame) -> Mapped:
    return {
        "organisation": rows.select(
            guid("OrganisationGuid").alias("record_id"),
            pl.lit(False).alias("is_deleted"),
            pl.col("ODSCode").alias("ods_code"),
            words("OrganisationType", emis_words.ORGANISATION).alias("organisation_type"),
            day("OpenDate").alias("open_date"),
            day("CloseDate").alias("close_date"),
            pl.lit(False).alias("is_confidential"),
            first_fault(dates=("OpenDate", "CloseDate")).alias("fault"),
        )
    }


def staff_roles(rows: pl.DataFrame) -> Mapped:
    return {
        "staff_role": rows.select(
            guid("UserInRoleGuid").alias("record_id"),
            pl.lit(False).alias("is_deleted"),
            pl.col("JobCategoryCode").alias("job_category_code"),
            pl.lit(False).alias("is_confidential"),
        )
    }


def patients(rows: pl.DataFrame) -> Mapped:
    confidential = flag("IsConfidential").fill_null(True) | flag("SpineSensitive").fill_null(True)
    return {
        "patient": rows.select(
            *_of_a_patient("PatientGuid"),
            words("Sex", emis_words.SEX).alias("sex"),
            day("DateOfRegistration").alias("registered_date"),
            day("DateOfDeactivation").alias("registration_end_date"),
            words("PatientTypeDescription", emis_words.REGISTRATION).alias("registration_type"),
            pl.col("NhsNumber").alias("nhs_number"),
            day("DateOfBirth").alias("date_of_birth"),
            day("DateOfDeath").alias("date_of_death"),
            pl.col("Postcode").alias("postcode"),
            pl.col("DummyType").is_not_null().alias("is_test_patient"),
            confidential.alias("is_confidential"),
            first_fault(dates=("DateOfRegistration", "DateOfDeactivation", "DateOfBirth", "DateOfDeath")).alias(
                "fault"
            ),
        )
    }


def encounters(rows: pl.DataFrame) -> Mapped:
    return {
        "encounter": rows.select(
            *_event("ConsultationGuid"),
            *_CLINICAL,
            guid("AppointmentSlotGuid").alias("appointment_id"),
            flag("Complete").alias("is_complete"),
            _fault(),
        )
    }


def observations(rows: pl.DataFrame) -> Mapped:
    """One EMIS table holds observations, immunisations and allergies; the type says which.

    A tombstone has no type, so it goes as an observation; the token is the same in whichever table the record was.
    """
    mapped = rows.select(
        *_event("ObservationGuid"),
        *_CLINICAL,
        guid("ConsultationGuid").alias("encounter_id"),
        words("ObservationType", emis_words.OBSERVATION_TYPE).alias("observation_type"),
        number("Value").alias("value"),
        pl.col("NumericUnit").alias("value_unit"),
        number("NumericRangeLow").alias("range_low"),
        number("NumericRangeHigh").alias("range_high"),
        guid("ParentObservationGuid").alias("parent_id"),
        guid("ProblemGuid").alias("problem_id"),
        _fault_or_uncoded(numbers=("Value", "NumericRangeLow", "NumericRangeHigh")),
    )
    kind = pl.col("observation_type").fill_null("observation")
    return {
        "observation": mapped.filter(~kind.is_in(["immunisation", "allergy"])),
        "immunisation": mapped.filter(kind == "immunisation"),
        "allergy": mapped.filter(kind == "allergy"),
    }


def problems(rows: pl.DataFrame) -> Mapped:
    return {
        "problem": rows.select(
            *_of_a_patient("ObservationGuid"),
            guid("ParentProblemObservationGuid").alias("parent_problem_id"),
            words("SignificanceDescription", emis_words.SIGNIFICANCE).alias("significance"),
            words("ProblemStatusDescription", emis_words.PROBLEM_STATUS).alias("status"),
            day("EndDate").alias("end_date"),
            words("EndDatePrecision", emis_words.PRECISION).alias("end_date_precision"),
            day("LastReviewDate").alias("last_review_date"),
            pl.lit(False).alias("is_confidential"),
            first_fault(dates=("EndDate", "LastReviewDate")).alias("fault"),
        )
    }


def referrals(rows: pl.DataFrame) -> Mapped:
    reading = first_fault(dates=("ReferralReceivedDate", "ReferralEndDate"))
    return {
        "referral": rows.select(
            guid("ObservationGuid").alias("record_id"),
            guid("PatientGuid").alias("registration_id"),
            pl.lit(False).alias("is_deleted"),
            day("ReferralReceivedDate").alias("effective_date"),
            pl.when(pl.col("ReferralReceivedDate").is_not_null()).then(pl.lit("day")).alias("effective_date_precision"),
            instant("ReferralReceivedDate", "ReferralReceivedTime").alias("recorded_at"),
            *_CLINICAL,
            words("ReferralUrgency", emis_words.URGENCY).alias("urgency"),
            words("ReferralServiceType", emis_words.SERVICE).alias("service_type"),
            words("ReferralMode", emis_words.MODE).alias("mode"),
            guid("ReferralSourceOrganisationGuid").alias("source_organisation_id"),
            guid("ReferralTargetOrganisationGuid").alias("target_organisation_id"),
            day("ReferralEndDate").alias("end_date"),
            pl.lit(False).alias("is_confidential"),
            pl.coalesce(reading, pl.col("code_fault")).alias("fault"),
        )
    }


def recalls(rows: pl.DataFrame) -> Mapped:
    return {
        "recall": rows.select(
            *_event("DiaryGuid"),
            *_CLINICAL,
            guid("ConsultationGuid").alias("encounter_id"),
            flag("IsActive").alias("is_active"),
            flag("IsComplete").alias("is_complete"),
            _fault_or_uncoded(),
        )
    }


def _medication(rows: pl.DataFrame, intent: str, record: str, more: list[pl.Expr], whole: tuple[str, ...]) -> Mapped:
    return {
        "medication": rows.select(
            *_event(record),
            pl.col("dmd_code"),
            pl.lit(intent).alias("intent"),
            number("Quantity").alias("quantity"),
            pl.col("QuantityUnit").str.to_lowercase().alias("quantity_unit"),
            guid("ProblemObservationGuid").alias("problem_id"),
            *more,
            _fault_or_uncoded(numbers=("Quantity",), whole=whole),
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
    own = [guid("DrugRecordGuid").alias("authorisation_id"), whole_number("CourseDurationInDays").alias("course_days")]
    return _medication(rows, "order", "IssueRecordGuid", own, ("CourseDurationInDays",))


def appointments(rows: pl.DataFrame) -> Mapped:
    return {
        "appointment": rows.select(
            *_of_a_patient("SlotGuid"),
            day("AppointmentDate").alias("effective_date"),
            pl.when(pl.col("AppointmentDate").is_not_null()).then(pl.lit("day")).alias("effective_date_precision"),
            flag("DidNotAttend").alias("did_not_attend"),
            whole_number("PlannedDurationInMinutes").alias("planned_minutes"),
            whole_number("ActualDurationInMinutes").alias("actual_minutes"),
            pl.lit(False).alias("is_confidential"),
            first_fault(
                dates=("AppointmentDate",), whole=("PlannedDurationInMinutes", "ActualDurationInMinutes")
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
