"""Patients of GPDPR, whose identifiers are clear or tokens already, and appointments, which name the person only."""

import polars as pl
import pyarrow as pa

from source_zone.adapters.gpdpr_xml.deid import Deid
from source_zone.adapters.gpdpr_xml.policy import Fields
from source_zone.adapters.gpdpr_xml.values import (
    day_of,
    full_day,
    instant_of,
    precision_of,
    reading_fault,
    week_of,
    word,
)
from source_zone.adapters.reading import flag, guid, whole_number

PEOPLE = "gpdpr_people"  # the table of the memory that leads from a person to their registration here
KNOWN_PEOPLE = pa.schema(
    [
        ("person_key", pa.string()),
        ("registration_id", pa.string()),
        ("has_left", pa.bool_()),
        ("registered", pa.date32()),
    ]
)
_NOBODY_KNOWN = "?"  # stands for a registration no patient has: the row stays, as about an unknown patient


def patients(rows: pl.DataFrame, fields: Fields, deid: Deid) -> pl.DataFrame:
    """The schema has no mark for test, protected or deleted patients; a supplier's own word of the registration can be one."""
    return rows.select(
        guid("id").alias("record_id"),
        guid("id").alias("registration_id"),
        _marked("deleted", fields).alias("is_deleted"),
        word("gender", fields.words["sex"]).alias("sex"),
        full_day("registered_date").alias("registered_date"),
        full_day("registration_end_date").alias("registration_end_date"),
        pl.when(~_not_registered(deid))
        .then(word("registration_type", fields.words["registration_type"]))
        .alias("registration_type"),
        *(_clear() if deid.is_clear else _tokenised(deid)),
        _marked("test_patient", fields).alias("is_test_patient"),
        _marked("confidential", fields).alias("is_confidential"),
        _patient_fault(deid).alias("fault"),
    )


def _marked(mark: str, fields: Fields) -> pl.Expr:
    own_word = pl.col("source_registration_type").str.strip_chars().str.to_lowercase()
    return own_word.is_in(fields.marks[mark]).fill_null(False)


def _not_registered(deid: Deid) -> pl.Expr:
    """Said not to be registered, or not readably, and with no day they left or died: nobody knows since when."""
    ended = pl.col("registration_end_date").is_not_null() | pl.col(_death(deid)).is_not_null()
    said = pl.col("registration_status").is_not_null() & ~flag("registration_status").fill_null(False)
    return said & ~ended


def _clear() -> list[pl.Expr]:
    return [
        pl.col("patient_id_deid").alias("nhs_number"),
        full_day("date_of_birth_deid").alias("date_of_birth"),
        full_day("date_of_death_deid").alias("date_of_death"),
        pl.col("postcode_deid").alias("postcode"),
    ]


def _tokenised(deid: Deid) -> list[pl.Expr]:
    """Tokens of dates and postcodes are of no use here; the week and the area stand in their place."""
    return [
        deid.ready_token("patient_id_deid").alias("ready_patient_token"),
        week_of("week_of_birth").alias("date_of_birth"),
        week_of("week_of_death").alias("date_of_death"),
        pl.lit(True).alias("dates_are_weeks"),
        pl.col("lsoa").str.strip_chars().alias("ready_lsoa_code"),
    ]


def _death(deid: Deid) -> str:
    return "date_of_death_deid" if deid.is_clear else "week_of_death"


def _patient_fault(deid: Deid) -> pl.Expr:
    """A day that is needed whole and is not, or cannot be read; and a death whose week is not told."""
    registration = ("registered_date", "registration_end_date")
    clear = ("date_of_birth_deid", "date_of_death_deid")
    whole_days = (*registration, *(clear if deid.is_clear else ()))
    partial = [pl.col(each).is_not_null() & full_day(each).is_null() for each in whole_days]
    partial.append(
        pl.col("date_of_birth_deid" if deid.is_clear else "week_of_birth").is_null()
    )  # the schema demands it
    if not deid.is_clear:
        partial.append(pl.col("date_of_death_deid").is_not_null() & pl.col("week_of_death").is_null())
    weeks = () if deid.is_clear else ("week_of_birth", "week_of_death")
    return pl.coalesce(
        pl.when(pl.any_horizontal(*partial)).then(pl.lit("unreadable_date")),
        reading_fault(days=registration, weeks=weeks),
    )


def people_of(rows: pl.DataFrame, deid: Deid) -> pl.DataFrame:
    """Columns as in KNOWN_PEOPLE. Without a key where the person is not told, or not any more."""
    left = pl.col("registration_end_date").is_not_null() | pl.col(_death(deid)).is_not_null()
    found = rows.select(
        deid.person_key("patient_id_deid").alias("person_key"),
        guid("id").alias("registration_id"),
        left.alias("has_left"),
        full_day("registered_date").alias("registered"),
    )
    return found.filter(pl.col("registration_id").is_not_null())


def latest_people(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """Each registration as last told."""
    return pl.concat(parts).unique("registration_id", keep="last", maintain_order=True)


def registrations(people: pl.DataFrame) -> pl.DataFrame:
    """One registration a person: the one they have not left, else the one begun last."""
    ordered = people.drop_nulls("person_key").sort(
        ["has_left", "registered"], descending=[True, False], nulls_last=False, maintain_order=True
    )
    return ordered.unique("person_key", keep="last", maintain_order=True).select("person_key", "registration_id")


def appointments(rows: pl.DataFrame, fields: Fields, deid: Deid, known: pl.DataFrame) -> pl.DataFrame:
    status = word("status", fields.words["status"])
    with_person = rows.with_columns(deid.person_key("patient_id_deid").alias("person_key"))
    joined = with_person.join(known, on="person_key", how="left", maintain_order="left")
    somebody = pl.col("patient_id_deid").is_not_null()
    return joined.select(
        guid("id").alias("record_id"),
        pl.coalesce("registration_id", pl.when(somebody).then(pl.lit(_NOBODY_KNOWN))).alias("registration_id"),
        pl.col("slot_deletion_date_time").is_not_null().alias("is_deleted"),
        day_of("scheduled_start_time").alias("effective_date"),
        precision_of("scheduled_start_time").alias("effective_date_precision"),
        instant_of("recorded_date").alias("recorded_at"),
        guid("appointment_clinician").alias("staff_role_id"),
        guid("encounter_id").alias("encounter_id"),
        status.alias("status"),
        pl.when(status.is_not_null()).then(status == "did_not_attend").alias("did_not_attend"),
        whole_number("scheduled_duration").alias("planned_minutes"),
        whole_number("actual_duration").alias("actual_minutes"),
        pl.lit(False).alias("is_confidential"),
        reading_fault(
            days=("scheduled_start_time",), instants=("recorded_date",), whole=("scheduled_duration", "actual_duration")
        ).alias("fault"),
    )
