"""What EMIS's tables have in common: whose a record is, when it was, and what of it could not be read."""

from typing import TypeAlias

import polars as pl

from source_zone.adapters.emis_csv import words as emis_words
from source_zone.adapters.reading import day, first_fault, flag, instant, words

Mapped: TypeAlias = dict[str, pl.DataFrame]


def of_a_patient(record: str) -> list[pl.Expr]:
    return [
        pl.col(record).alias("record_id"),
        pl.col("PatientGuid").alias("registration_id"),
        flag("Deleted").fill_null(False).alias("is_deleted"),
    ]


def event(record: str) -> list[pl.Expr]:
    return [
        *of_a_patient(record),
        day("EffectiveDate").alias("effective_date"),
        words("EffectiveDatePrecision", emis_words.PRECISION).alias("effective_date_precision"),
        instant("EnteredDate", "EnteredTime").alias("recorded_at"),
        pl.col("ClinicianUserInRoleGuid").alias("staff_role_id"),
        flag("IsConfidential").alias("is_confidential"),
    ]


def fault(*, numbers: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> pl.Expr:
    reading = first_fault(dates=("EffectiveDate", "EnteredDate"), numbers=numbers, whole=whole, flags=("Deleted",))
    return pl.coalesce(reading, pl.col("code_fault")).alias("fault")


def fault_or_uncoded(*, numbers: tuple[str, ...] = (), whole: tuple[str, ...] = ()) -> pl.Expr:
    uncoded = pl.when(pl.col("CodeId").is_null() & ~flag("Deleted").fill_null(False)).then(pl.lit("uncoded_entry"))
    return pl.coalesce(fault(numbers=numbers, whole=whole), uncoded).alias("fault")
