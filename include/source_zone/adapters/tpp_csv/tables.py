"""How each TPP table of events becomes a canonical one: one small function a table, nothing but mapping."""

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from source_zone.adapters.reading import flag, number
from source_zone.adapters.tpp_csv import words as tpp_words
from source_zone.adapters.tpp_csv.codes import CODE_COLUMNS, Ctv3Codes
from source_zone.adapters.tpp_csv.kept import Meanings
from source_zone.adapters.tpp_csv.reading import (
    day,
    precision,
    reference,
    something,
    unreadable,
    with_days,
    with_moment,
)
from source_zone.adapters.tpp_csv.staff import Staff
from source_zone.adapters.tpp_csv.words import by_its_distinct
from source_zone.identified import UNKNOWN_CODE, UNREADABLE_NUMBER


@dataclass(frozen=True, slots=True)
class Known:
    """What the reference tables say, as they stand this night."""

    codes: Ctv3Codes = field(repr=False)
    mapping: Meanings = field(repr=False)
    options: Meanings = field(repr=False)
    staff: Staff = field(repr=False)
    drug_codes: pl.DataFrame = field(repr=False)  # IDDrugCode, DrugReadCode


Mapping = Callable[[pl.DataFrame, Known], pl.DataFrame]
_CODED = [pl.col(name) for name in CODE_COLUMNS]


def of_a_patient(table: str) -> list[pl.Expr]:
    row = pl.col("RowIdentifier").str.strip_chars()
    is_number = row.cast(pl.Int64, strict=False).is_not_null()
    return [
        pl.when(is_number).then(pl.concat_str(pl.lit(f"{table}/"), row)).alias("record_id"),
        reference("SRPatient", "IDPatient").alias("registration_id"),
        pl.lit(False).alias("is_deleted"),
        pl.lit(False).alias("is_confidential"),
    ]


def event(table: str, happened: str = "DateEvent") -> list[pl.Expr]:
    return [
        *of_a_patient(table),
        pl.col(day(happened)).alias("effective_date"),
        precision(happened).alias("effective_date_precision"),
        pl.col(day("DateEventRecorded")).alias("recorded_at"),
        pl.col("staff_role_id"),
        reference("SREvent", "IDEvent").alias("encounter_id"),
    ]


def fault(*dates: str, number_fault: pl.Expr | None = None, code_fault: pl.Expr | None = None) -> pl.Expr:
    """Why the row may not leave, the first that holds: whose it is, dates, numbers, codes."""
    reasons = [pl.col("not_own"), pl.when(unreadable("DateEventRecorded", *dates)).then(pl.lit("unreadable_date"))]
    if number_fault is not None:
        reasons.append(pl.when(number_fault).then(pl.lit(UNREADABLE_NUMBER)))
    return pl.coalesce(*reasons, *([] if code_fault is None else [code_fault])).alias("fault")


def dated(rows: pl.DataFrame, *dates: str) -> pl.DataFrame:
    """With the dates that `event` and `fault` look at."""
    return with_moment(with_days(rows, *dates), "DateEventRecorded")


def encounters(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    complete = ~flag("EventIncomplete")
    return dated(known.staff.join(rows.with_columns(IDEvent=pl.lit(None, pl.String))), "DateEvent").select(
        *event("SREvent"), complete.alias("is_complete"), fault("DateEvent")
    )


def observations(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    coded = known.staff.join(known.codes.join(rows, "CTV3Code", "SNOMEDCode", "SRCode"))
    comparators = {cell: tpp_words.exactly(cell, tpp_words.COMPARATOR) for cell in _distinct(rows, "NumericComparator")}
    is_numeric = flag("IsNumeric").fill_null(False)
    filled = is_numeric & pl.col("NumericValue").is_not_null()
    uncoded = pl.when(pl.col("CTV3Code").is_null() & something("SNOMEDCode").is_null()).then(pl.lit("uncoded_entry"))
    return dated(coded, "DateEvent").select(
        *event("SRCode"),
        *_CODED,
        pl.when(is_numeric).then(number("NumericValue")).alias("value"),
        pl.when(is_numeric).then(pl.col("NumericUnit")).alias("value_unit"),
        pl.when(is_numeric).then(by_its_distinct(pl.col("NumericComparator"), comparators)).alias("value_comparator"),
        "code_fault",
        fault(
            "DateEvent",
            number_fault=filled & number("NumericValue").is_null(),
            code_fault=pl.coalesce("code_fault", uncoded),
        ),
    )


def immunisations(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    coded = known.staff.join(known.codes.join(rows, "ImmsReadCode", "ImmsSNOMEDCode", "SRImmunisation"))
    none = pl.col("ImmsReadCode").is_null() & something("ImmsSNOMEDCode").is_null()
    uncoded = pl.when(none).then(pl.lit("uncoded_entry"))
    return dated(coded, "DateEvent").select(
        *event("SRImmunisation"),
        *_CODED,
        "code_fault",
        fault("DateEvent", code_fault=pl.coalesce("code_fault", uncoded)),
    )


def allergies(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    """To drugs. Other allergies are entries like any other."""
    drugs = rows.join(known.drug_codes, on="IDDrugCode", how="left", maintain_order="left")
    coded = known.staff.join(known.codes.join(drugs, "DrugReadCode", None, "SRDrugSensitivity"))
    ended = pl.when(pl.col("DateEnded").is_null()).then(pl.lit("active")).otherwise(pl.lit("inactive"))
    nameless = pl.when(something("IDDrugCode").is_null()).then(pl.lit("uncoded_entry"))
    unknown = pl.when(pl.col("DrugReadCode").is_null()).then(pl.lit(UNKNOWN_CODE))
    told = coded.with_columns(pl.coalesce(nameless, unknown, "code_fault").alias("code_fault"))
    return dated(told, "DateStarted", "DateEnded").select(
        *event("SRDrugSensitivity", "DateStarted"),
        *_CODED,
        ended.alias("status"),
        "code_fault",
        fault("DateStarted", "DateEnded", code_fault=pl.col("code_fault")),
    )


def problems(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    coded = known.staff.join(known.codes.join(rows, "CTV3Code", None, "SRProblem"))
    severity = known.mapping.of_cells(rows["Severity"], tpp_words.SEVERITY)
    ended = pl.when(pl.col("DateEnd").is_null()).then(pl.lit("active")).otherwise(pl.lit("past"))
    return dated(coded, "DateEvent", "DateEnd").select(
        *event("SRProblem"),
        *_CODED,
        reference("SRCode", "IDCode").alias("extends_id"),
        by_its_distinct(pl.col("Severity"), severity).alias("significance"),
        ended.alias("status"),
        pl.col(day("DateEnd")).alias("end_date"),
        pl.when(pl.col(day("DateEnd")).is_not_null()).then(pl.lit("day")).alias("end_date_precision"),
        "code_fault",
        fault("DateEvent", "DateEnd", code_fault=pl.col("code_fault")),
    )


def referrals(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    coded = known.staff.join(known.codes.join(rows, "PrimaryDiagnosis", "SNOMEDPrimaryDiagnosis", "SRReferralOut"))
    urgency = known.options.of_cells(rows["Urgency"], tpp_words.URGENCY, whole_words=False)
    offered = known.mapping.of_cells(rows["ServiceOffered"], tpp_words.SERVICE, whole_words=False)
    kind = known.mapping.of_cells(rows["TypeOfReferral"], tpp_words.SERVICE, whole_words=False)
    service = [by_its_distinct(pl.col("ServiceOffered"), offered), by_its_distinct(pl.col("TypeOfReferral"), kind)]
    return dated(coded, "DateEvent").select(
        *event("SRReferralOut"),
        *_CODED,
        by_its_distinct(pl.col("Urgency"), urgency).alias("urgency"),
        pl.coalesce(*service).alias("service_type"),
        reference("SROrganisation", "IDOrganisationDoneAt").alias("source_organisation_id"),
        "code_fault",
        fault("DateEvent", code_fault=pl.col("code_fault")),
    )


def recalls(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    state = by_its_distinct(
        pl.col("RecallStatus"), known.mapping.of_cells(rows["RecallStatus"], tpp_words.RECALL, whole_words=False)
    )
    told = pl.when(state != tpp_words.UNLISTED).then(state)
    return dated(known.staff.join(rows), "DateRecall").select(
        *event("SRRecall", "DateRecall"),
        (told == "active").alias("is_active"),
        (told == "complete").alias("is_complete"),
        fault("DateRecall"),
    )


def appointments(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    status = known.mapping.of_cells(rows["AppointmentStatus"], tpp_words.APPOINTMENT, whole_words=False)
    ours = by_its_distinct(pl.col("AppointmentStatus"), status)
    lasts = (_moment("DateEnd") - _moment("DateStart")).dt.total_minutes()
    return with_days(rows, "DateStart", "DateEnd").select(
        *of_a_patient("SRAppointment"),
        pl.col(day("DateStart")).alias("effective_date"),
        precision("DateStart").alias("effective_date_precision"),
        reference("SRStaffMemberProfile", "IDProfileClinician").alias("staff_role_id"),
        ours.alias("status"),
        pl.when(ours != tpp_words.UNLISTED).then(ours == "did_not_attend").alias("did_not_attend"),
        pl.when(lasts.is_between(0, 1440)).then(lasts).cast(pl.Int32).alias("planned_minutes"),
        pl.coalesce("not_own", pl.when(unreadable("DateStart", "DateEnd")).then(pl.lit("unreadable_date"))).alias(
            "fault"
        ),
    )


def _moment(column: str) -> pl.Expr:
    """With its time of day, midnight included; read for a difference only."""
    return pl.col(column).str.to_datetime("%d %b %Y %H:%M:%S", strict=False, time_unit="us")


def _distinct(rows: pl.DataFrame, column: str) -> list[str]:
    return rows[column].drop_nulls().unique().to_list()
