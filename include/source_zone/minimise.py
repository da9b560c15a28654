"""Minimise: of the rows read, those that may leave, each of the others under the first reason that holds it back.

The reasons are the privacy notice's: who may not leave, codes that the law restricts, records marked confidential,
entries older than a kind's look-back. Rows that cannot be read, or that hide an identifier, are quarantined.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import pyarrow as pa

from crossing.accounting import TableCounts
from crossing.canonical import has_patient, is_event
from crossing.identifiers import is_nhs_number, is_snomed_id
from crossing.policy import CodeShape
from source_zone.canonical_forms import has_no_canonical_form
from source_zone.code_forms import any_of, distinct_cells, forms, misshapen
from source_zone.identifying_numbers import holds_an_identifier, without_identifying_numbers

_EXTENDED = ("observation", "immunisation", "allergy")  # one EMIS table; any of them may bear a problem or a referral
EXTENDS_AN_OBSERVATION = ("problem", "referral")
WITHHOLDS_ITS_EXTENSION = ("confidential_record", "legally_restricted_code", "identifier_in_code", "unknown_code")
_READING_FAULTS = ("unreadable_date", "unreadable_number", "unreadable_flag")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What policy says about rows, for one extract."""

    restricted_codes: frozenset[str]
    identifier_valued: frozenset[str]
    code_shapes: dict[str, CodeShape]
    look_back_from: dict[str, date]  # table -> the first day that may leave
    own_identifiers: frozenset[str] = field(repr=False)  # NHS numbers and postcodes of this practice, without spaces


@dataclass(slots=True)
class Withheld:
    """Observations held back for what they say. A problem or referral on one of them stays with it."""

    record_ids: set[str] = field(default_factory=set, repr=False)


def minimise(
    table: str, rows: pa.RecordBatch, superseded: pl.Series, roster: pl.DataFrame, rules: Rules, withheld: Withheld
) -> tuple[pl.DataFrame, TableCounts]:
    """The rows of one batch that may leave, and the count of all others by reason.

    `superseded` is true where a later line of the same extract carries the same record; `roster` has a row for every
    patient known (registration_id, reason, date_of_birth).
    """
    frame = pl.DataFrame(pl.from_arrow(rows)).with_columns(superseded.alias("superseded"))
    frame = without_identifying_numbers(frame, rules.identifier_valued)
    frame = frame.with_columns(_nameless(frame, "record_id"), _nameless(frame, "registration_id"))
    if has_patient(table):
        frame = _with_patient(frame, roster)
    judged = frame.with_columns(_content(table, frame, rules, withheld).alias("content"))
    decided = judged.with_columns(_verdict(table).alias("verdict"))
    if table in _EXTENDED:
        _remember_withheld(decided, withheld)
    kept = decided.filter(pl.col("verdict").is_null())
    return kept, _count(decided, kept.height)


def _nameless(frame: pl.DataFrame, column: str) -> pl.Series:
    """An id of which no token can be made is no id."""
    there = frame[column] if column in frame.columns else pl.Series([None] * frame.height, dtype=pl.String)
    return has_no_canonical_form(there).alias(f"{column}_is_none")


def _with_patient(frame: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    known = roster.select(
        "registration_id", pl.col("reason"), pl.col("date_of_birth").alias("born"), pl.lit(True).alias("known")
    )
    return frame.join(known, on="registration_id", how="left", maintain_order="left")


def _content(table: str, frame: pl.DataFrame, rules: Rules, withheld: Withheld) -> pl.Expr:
    """The first rule that what the row says breaks, whoever it is about; NULL for a tombstone, which says nothing."""
    confidential = pl.col("is_confidential").fill_null(True) if table != "patient" else pl.lit(False)
    live = ~pl.col("is_deleted").fill_null(False)
    broken = pl.coalesce(
        _if(confidential, "confidential_record"),
        *_of_the_codes(frame, rules),
        _if(_is_withheld(table, withheld), "withheld_with_its_observation"),
        _if(holds_an_identifier(frame), "identifier_in_value"),
        *_of_the_dates(table, rules),
        pl.col("fault"),
    )
    nameless = _if(pl.col("record_id_is_none"), "no_record_id")
    return pl.coalesce(_if(pl.col("superseded"), "duplicate"), nameless, pl.when(live).then(broken))


def _verdict(table: str) -> pl.Expr:
    """The first reason to stay: the row cannot be read, then whose it is, then what it says. NULL: it may leave."""
    unreadable = ~pl.col("is_deleted").fill_null(False) & pl.col("fault").is_in(_READING_FAULTS)
    of_the_patient = _of_the_patient() if has_patient(table) else []
    return pl.coalesce(pl.when(unreadable).then(pl.col("fault")), *of_the_patient, pl.col("content"))


def _of_the_patient() -> list[pl.Expr]:
    return [
        _if(pl.col("registration_id_is_none"), "no_patient"),
        _if(pl.col("known").is_null(), "unknown_patient"),
        pl.col("reason"),
    ]


def _of_the_codes(frame: pl.DataFrame, rules: Rules) -> list[pl.Expr]:
    if "snomed_concept_id" not in frame.columns:
        return []
    restricted, identifying = distinct_cells(
        frame,
        restricted=lambda cell: bool(forms(cell) & rules.restricted_codes),
        identifying=lambda cell: _hides_identifier(cell, rules),
    )
    return [
        _if(any_of(restricted), "legally_restricted_code"),
        _if(any_of(identifying) | (pl.col("fault") == "identifier_in_code").fill_null(False), "identifier_in_code"),
        _if(pl.col("fault") == "unknown_code", "unknown_code"),
        _if(_no_code_has_its_shape(frame, rules), "malformed_code"),
    ]


def _no_code_has_its_shape(frame: pl.DataFrame, rules: Rules) -> pl.Expr:
    """The entry has codes, and not one of them looks like a code."""
    bad = misshapen(frame, rules.code_shapes)
    filled = [pl.col(column).is_not_null() for column in bad]
    fits = [pl.col(column).is_not_null() & ~pl.col(column).is_in(values.to_list()) for column, values in bad.items()]
    return pl.any_horizontal(*filled) & ~pl.any_horizontal(*fits)


def _hides_identifier(cell: str, rules: Rules) -> bool:
    """An NHS number or a postcode of this practice where a code belongs, or any NHS number that SNOMED has not given out."""
    for code in cell.split():
        if code in rules.own_identifiers or code.replace(".", "").upper() in rules.own_identifiers:
            return True
        if is_nhs_number(code) and not _is_given_out(code):
            return True
    return False


def _is_given_out(ten_digits: str) -> bool:
    """One NHS number in 250 also passes for a SNOMED id. Of ten digits there are only concepts from 1... and terms from 1... to 5...;

    an extension's id is longer. England's numbers begin with 4, 6 or 7, those for tests with 999.
    """
    concept = ten_digits[0] == "1" and is_snomed_id(ten_digits, partitions=frozenset({"00"}))
    return concept or (ten_digits[0] in "12345" and is_snomed_id(ten_digits, partitions=frozenset({"01"})))


def _is_withheld(table: str, withheld: Withheld) -> pl.Expr:
    if table not in EXTENDS_AN_OBSERVATION or not withheld.record_ids:
        return pl.lit(False)
    held = list(withheld.record_ids)
    return pl.col("record_id").is_in(held) | pl.col("extends_id").is_in(held).fill_null(False)


def _of_the_dates(table: str, rules: Rules) -> list[pl.Expr]:
    if not is_event(table):
        return []
    conditions: list[pl.Expr] = []
    if table in rules.look_back_from:
        conditions.append(_if(pl.col("effective_date") < rules.look_back_from[table], "outside_look_back"))
    return [*conditions, _if(_before_birth(), "dated_before_birth")]


def _before_birth() -> pl.Expr:
    """Compares only as much of a date as its precision says is known."""
    event, born = pl.col("effective_date"), pl.col("born")
    precision = pl.col("effective_date_precision")
    return (
        pl.when(precision == "year")
        .then(event.dt.year() < born.dt.year())
        .when(precision == "month")
        .then(event.dt.truncate("1mo") < born.dt.truncate("1mo"))
        .otherwise(event < born)
    )


def _remember_withheld(decided: pl.DataFrame, withheld: Withheld) -> None:
    """Also where the patient stays for another reason today: they may opt in again before the problem is amended."""
    hidden = decided.filter(pl.col("content").is_in(WITHHOLDS_ITS_EXTENSION))
    withheld.record_ids.update(hidden["record_id"].to_list())


_QUARANTINE_RULES = frozenset(
    {
        "unreadable_date",
        "unreadable_number",
        "unreadable_flag",
        "identifier_in_code",
        "unknown_code",
        "dated_before_birth",
        "malformed_code",
        "uncoded_entry",
        "uncoded_component",
        "identifier_in_value",
        "no_record_id",
    }
)


def _count(decided: pl.DataFrame, sent: int) -> TableCounts:
    by_verdict = Counter(dict(decided["verdict"].drop_nulls().value_counts().iter_rows()))
    quarantined = Counter({rule: n for rule, n in by_verdict.items() if rule in _QUARANTINE_RULES})
    return TableCounts(read=decided.height, sent=sent, held_back=by_verdict - quarantined, quarantined=quarantined)


def _if(condition: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason))


def superseded_rows(record_ids: pl.Series) -> pl.Series:
    """True where the same record comes again further down the same table of the same extract: the last line wins."""
    return (
        pl.DataFrame({"id": record_ids})
        .select(~pl.col("id").is_last_distinct() & pl.col("id").is_not_null())
        .to_series()
    )
