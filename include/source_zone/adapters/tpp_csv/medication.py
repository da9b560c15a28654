"""Prescribing: repeat templates are authorisations, what was prescribed are issues."""

import polars as pl

from source_zone.adapters.reading import flag
from source_zone.adapters.tpp_csv import words as tpp_words
from source_zone.adapters.tpp_csv.reading import day, reference, something
from source_zone.adapters.tpp_csv.tables import Known, dated, event, fault
from source_zone.adapters.tpp_csv.words import by_its_distinct
from source_zone.identified import UNKNOWN_CODE

# A number, and perhaps a unit without any number in it. What is typed otherwise ("1 OP x 2") is left out, no fault.
_QUANTITY = r"^\s*(\d+(?:\.\d+)?)\s*([A-Za-z][A-Za-z() ]*)?$"


def authorisations(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    start, end = "DateMedicationTemplateStart", "DateMedicationTemplateEnd"
    return dated(_with_drug(known.staff.join(rows), known), start, end).select(
        *event("SRRepeatTemplate", start),
        *_supply(rows, "plan"),
        pl.lit("repeat").alias("prescription_type"),
        pl.col(end).is_null().alias("is_active"),
        pl.col(day(end)).alias("stop_date"),
        _whole("MaxIssues").alias("issues_authorised"),
        _whole("CourseLengthPerIssue").alias("course_days"),
        fault(
            start,
            end,
            number_fault=_unreadable("MaxIssues") | _unreadable("CourseLengthPerIssue"),
            code_fault=_uncoded(),
        ),
    )


def issues(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    start, end = "DateMedicationStart", "DateMedicationEnd"
    lasts = (pl.col(day(end)) - pl.col(day(start))).dt.total_days()
    kind = (
        pl.when(flag("IsRepeatMedication"))
        .then(pl.lit("repeat"))
        .when(~flag("IsRepeatMedication"))
        .then(pl.lit("acute"))
    )
    return dated(_with_drug(known.staff.join(rows), known), start, end).select(
        *event("SRPrimaryCareMedication", start),
        *_supply(rows, "order"),
        kind.alias("prescription_type"),
        reference("SRRepeatTemplate", "IDRepeatTemplate").alias("authorisation_id"),
        pl.when(lasts >= 0).then(lasts).cast(pl.Int32, strict=False).alias("course_days"),
        fault(start, end, code_fault=_uncoded()),
    )


def _with_drug(rows: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Beside its dm+d code, the Read code that the table of drugs has for the product: it may be one that must stay."""
    drugs = known.drug_codes.rename({"IDDrugCode": "IDMultiLexProduct", "DrugReadCode": "further_codes"})
    return rows.join(drugs, on="IDMultiLexProduct", how="left", maintain_order="left")


def _supply(rows: pl.DataFrame, intent: str) -> list[pl.Expr]:
    quantity = pl.col("MedicationQuantity").str
    units = {cell: _unit(cell) for cell in rows["MedicationQuantity"].str.extract(_QUANTITY, 2).drop_nulls().unique()}
    return [
        something("IDMultiLexDMD").alias("dmd_code"),
        pl.col("further_codes"),
        pl.lit(intent).alias("intent"),
        quantity.extract(_QUANTITY, 1).cast(pl.Float64, strict=False).alias("quantity"),
        by_its_distinct(quantity.extract(_QUANTITY, 2), units).alias("quantity_unit"),
    ]


def _unit(text: str) -> str:
    return tpp_words.exactly(text, tpp_words.UNIT)


def _uncoded() -> pl.Expr:
    """A drug that dm+d does not have is a code we do not know; no drug at all is no code."""
    no_code = something("IDMultiLexDMD").is_null()
    no_drug = something("IDMultiLexProduct").is_null()
    reason = pl.when(no_drug).then(pl.lit("uncoded_entry")).otherwise(pl.lit(UNKNOWN_CODE))
    return pl.when(no_code).then(reason)


def _whole(column: str) -> pl.Expr:
    found = something(column).str.strip_chars().cast(pl.Float64, strict=False)
    return pl.when(found.is_finite()).then(found).round(0).cast(pl.Int32, strict=False)


def _unreadable(column: str) -> pl.Expr:
    return something(column).is_not_null() & _whole(column).is_null()
