"""How each GPDPR table becomes a canonical one: one small function a table, nothing but mapping."""

from collections.abc import Callable

import polars as pl

from source_zone.adapters.gpdpr_xml.codes import code_fault, codes, further_codes, unsure_or_uncoded
from source_zone.adapters.gpdpr_xml.policy import Fields
from source_zone.adapters.gpdpr_xml.snapshot import OF_PROBLEM
from source_zone.adapters.gpdpr_xml.values import (
    course_days,
    day_of,
    full_day,
    instant_of,
    precision_of,
    reading_fault,
    word,
)
from source_zone.adapters.reading import flag, guid, number, whole_number

_DATED = pl.lit("unknown")  # what is said of a date that is not there, where there should be one
_NOT_CONFIDENTIAL = pl.lit(False).alias("is_confidential")  # the schema has no mark: see policy/gpdpr_xml_practices.csv


def _event(*, undated: pl.Expr) -> list[pl.Expr]:
    return [
        guid("id").alias("record_id"),
        guid("registration_id").alias("registration_id"),
        flag("deletion_flag").fill_null(False).alias("is_deleted"),
        day_of("effective_date").alias("effective_date"),
        pl.coalesce(precision_of("effective_date"), undated).alias("effective_date_precision"),
        instant_of("recorded_date").alias("recorded_at"),
        guid("practitioner_id").alias("staff_role_id"),
        guid("encounter_id").alias("encounter_id"),
        _NOT_CONFIDENTIAL,
    ]


def _coded(
    table: str,
    rows: pl.DataFrame,
    fields: Fields,
    own: list[pl.Expr],
    *,
    must_have_code: bool = True,
    days: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    whole: tuple[str, ...] = (),
) -> pl.DataFrame:
    """An event with its codes; a row is faulty by what cannot be read, then by its codes."""
    with_further = rows.with_columns(further_codes(rows).alias("further_codes"))
    reading = reading_fault(
        days=("effective_date", *days),
        instants=("recorded_date",),
        numbers=numbers,
        whole=whole,
        flags=("deletion_flag",),
    )
    undated = _DATED if must_have_code or table == "encounter" else pl.lit(None, pl.String)
    fault = pl.coalesce(reading, code_fault(), unsure_or_uncoded(with_further, fields, must_have_code=must_have_code))
    shared = codes(dmd=table == "medication")
    return with_further.select(*_event(undated=undated), *shared, pl.col("further_codes"), *own, fault.alias("fault"))


def organisations(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    return rows.select(
        guid("id").alias("record_id"),
        pl.lit(False).alias("is_deleted"),
        pl.col("ods_code").str.strip_chars().alias("ods_code"),
        word("type", fields.words["organisation_type"]).alias("organisation_type"),
        _NOT_CONFIDENTIAL,
    )


def staff_roles(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    return rows.select(
        guid("id").alias("record_id"),
        pl.lit(False).alias("is_deleted"),
        pl.col("sds_job_role_code").str.strip_chars().alias("job_category_code"),
        _NOT_CONFIDENTIAL,
    )


def encounters(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    own = [guid("appointment_id").alias("appointment_id")]
    return _coded("encounter", rows, fields, own, must_have_code=False)


def observations(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    own = [
        number("value_pq_1").alias("value"),
        pl.coalesce("uom", "uom_ucum").alias("value_unit"),
        pl.col("comparator").str.strip_chars().alias("value_comparator"),
        number("range_lower").alias("range_low"),
        number("range_upper").alias("range_high"),
        guid(OF_PROBLEM).alias("problem_id"),
    ]
    return _coded("observation", rows, fields, own, numbers=("value_pq_1", "range_lower", "range_upper"))


def immunisations(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    return _coded("immunisation", rows, fields, [guid(OF_PROBLEM).alias("problem_id")])


def recalls(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    return _coded("recall", rows, fields, [])


def allergies(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    own = [word("status", fields.words["status"]).alias("status"), guid(OF_PROBLEM).alias("problem_id")]
    return _coded("allergy", rows, fields, own)


def medications(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    in_use = word("status", fields.words["is_active"])
    own = [
        word("intent", fields.words["intent"]).alias("intent"),
        guid("authorisation_id").alias("authorisation_id"),
        word("type", fields.words["prescription_type"]).alias("prescription_type"),
        pl.when(in_use == "yes").then(True).when(in_use == "no").then(False).alias("is_active"),
        number("quantity").alias("quantity"),
        pl.col("uom").str.to_lowercase().alias("quantity_unit"),
        course_days("duration", "duration_uom").alias("course_days"),
        whole_number("number_authorised").alias("issues_authorised"),
        full_day("stop_date").alias("stop_date"),
        guid(OF_PROBLEM).alias("problem_id"),
    ]
    counted = ("number_authorised", "duration")
    return _coded("medication", rows, fields, own, days=("stop_date",), numbers=("quantity",), whole=counted)


def referrals(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    own = [
        word("priority", fields.words["urgency"]).alias("urgency"),
        word("type", fields.words["service_type"]).alias("service_type"),
        guid("to_organisation").alias("target_organisation_id"),
        full_day("end_date").alias("end_date"),
    ]
    return _coded("referral", rows, fields, own, must_have_code=False, days=("end_date",))


def problems(rows: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    own = [
        word("significance", fields.words["significance"]).alias("significance"),
        word("status", fields.words["status"]).alias("status"),
        day_of("end_date").alias("end_date"),
        precision_of("end_date").alias("end_date_precision"),
        guid("problem_id").alias("parent_problem_id"),
    ]
    return _coded("problem", rows, fields, own, must_have_code=False, days=("end_date",))


EVENTS: dict[str, tuple[str, Callable[[pl.DataFrame, Fields], pl.DataFrame]]] = {
    "organisation": ("organisation", organisations),
    "practitioner": ("staff_role", staff_roles),
    "encounter": ("encounter", encounters),
    "observation": ("observation", observations),
    "immunisation": ("immunisation", immunisations),
    "recall": ("recall", recalls),
    "allergy": ("allergy", allergies),
    "medication": ("medication", medications),
    "referral": ("referral", referrals),
    "problem": ("problem", problems),
}
