"""How EMIS's tables of organisations, staff and patients become ours: nothing but mapping."""

import polars as pl

from source_zone.adapters.emis_csv import words as emis_words
from source_zone.adapters.emis_csv.record import Mapped, of_a_patient
from source_zone.adapters.reading import day, first_fault, flag, selected, words


def organisations(rows: pl.DataFrame) -> Mapped:
    return {
        "organisation": selected(
            rows,
            pl.col("OrganisationGuid").alias("record_id"),
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
        "staff_role": selected(
            rows,
            pl.col("UserInRoleGuid").alias("record_id"),
            pl.lit(False).alias("is_deleted"),
            pl.col("JobCategoryCode").alias("job_category_code"),
            pl.lit(False).alias("is_confidential"),
        )
    }


def patients(rows: pl.DataFrame) -> Mapped:
    confidential = flag("IsConfidential").fill_null(True) | flag("SpineSensitive").fill_null(True)
    return {
        "patient": selected(
            rows,
            *of_a_patient("PatientGuid"),
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
            first_fault(
                dates=("DateOfRegistration", "DateOfDeactivation", "DateOfBirth", "DateOfDeath"), flags=("Deleted",)
            ).alias("fault"),
        )
    }
