"""Who may leave. The rule for type 1 opt-outs is one pure function; everything uncertain stays at the practice.

Source of the rule: GPDPR privacy notice (who is in scope), and the order in which consent entries are read: latest
effective date wins, ties go to dissent, an undated or future dissent counts, an undated or future withdrawal does not.
"""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

import polars as pl
import pyarrow as pa

from source_zone.canonical_forms import has_no_canonical_form, spelling, spelt_once
from source_zone.consent_codes import DISSENT, WITHDRAWAL
from source_zone.objections import CONSENTS, DOUBTFUL

ROSTER = pa.schema(
    [("registration_id", pa.string()), ("reason", pa.string()), ("date_of_birth", pa.date32())]
)  # reason NULL: may leave


@dataclass(frozen=True, slots=True)
class ConsentEntry:
    """One coded dissent or withdrawal as it stands now."""

    meaning: str
    effective_date: date | None
    recorded_at: datetime | None


class Rule(Protocol):
    """One version of the rule for type 1 opt-outs."""

    def __call__(self, entries: Iterable[ConsentEntry], *, as_of: date) -> bool: ...


def type_one_opt_out_in_force(entries: Iterable[ConsentEntry], *, as_of: date) -> bool:
    """Whether a dissent stands, given one person's entries that are not deleted.

    `as_of` is the day of the extract: a withdrawal dated after it must not win, a dissent dated after it does.
    """
    dissents = [entry for entry in entries if entry.meaning == DISSENT]
    withdrawals = [
        entry
        for entry in entries
        if entry.meaning == WITHDRAWAL and entry.effective_date is not None and entry.effective_date <= as_of
    ]
    return any(not _withdrawn(dissent, withdrawals) for dissent in dissents)


def _withdrawn(dissent: ConsentEntry, withdrawals: list[ConsentEntry]) -> bool:
    return any(_outranks(withdrawal, dissent) for withdrawal in withdrawals)


def _outranks(withdrawal: ConsentEntry, dissent: ConsentEntry) -> bool:
    if dissent.effective_date is None or withdrawal.effective_date is None:
        return False  # an undated dissent cannot be shown to be the earlier one
    if withdrawal.effective_date != dissent.effective_date:
        return withdrawal.effective_date > dissent.effective_date
    if withdrawal.recorded_at is None or dissent.recorded_at is None:
        return False
    return withdrawal.recorded_at > dissent.recorded_at


def latest_entries(remembered: pa.Table, pulled: pa.Table) -> pa.Table:
    """Consent entries as they stand after the pulled ones.

    A dissent stands until a sound later version of the same record of the same registration ends it; a version for
    another registration, or for none, adds to it. A withdrawal stands only while it is the last word on its record,
    whoever and whatever the later word is about. Records without an id cannot be told apart: their dissents are all
    kept, and their withdrawals never count, since nothing could ever end them.
    """
    both = pl.concat([pl.DataFrame(pl.from_arrow(remembered)), pl.DataFrame(pl.from_arrow(pulled))])
    named = both.with_row_index("place").filter(pl.col("record_id").is_not_null())
    named = named.with_columns(last_word=pl.col("place") == pl.col("place").max().over("record_id"))
    sure = named.filter(pl.col("meaning") != DOUBTFUL)
    last = sure.unique(["record_id", "registration_id"], keep="last", maintain_order=True)
    standing = last.filter((pl.col("meaning") != WITHDRAWAL) | pl.col("last_word")).select(both.columns)
    unnamed = both.filter(pl.col("record_id").is_null() & (pl.col("meaning") == DISSENT)).unique(maintain_order=True)
    return pl.concat([standing, unnamed]).to_arrow().cast(CONSENTS)


# Version of the rule in policy -> the rule. A version that is not here is refused (`type_one_rule.CLAUSES`).
RULES: dict[int, Rule] = {1: type_one_opt_out_in_force}


def dissenting_registrations(consents: pa.Table, *, as_of: date, version: int = 1) -> frozenset[str]:
    """The registrations with a type 1 opt-out in force, each spelt once."""
    in_force = RULES[version]
    standing: dict[str, list[ConsentEntry]] = {}
    for row in consents.to_pylist():
        if not row["is_deleted"] and row["registration_id"] is not None:
            standing.setdefault(spelt_once(row["registration_id"]), []).append(_entry(row))
    return frozenset(who for who, entries in standing.items() if in_force(entries, as_of=as_of))


def _entry(row: dict[str, Any]) -> ConsentEntry:
    """A partial date is read against leaving: a dissent at the end of its year or month, a withdrawal at its start."""
    days = possible_days(row["effective_date"], row["effective_date_precision"])
    day = days and days[0 if row["meaning"] == WITHDRAWAL else 1]
    return ConsentEntry(row["meaning"], day, row["recorded_at"])


def possible_days(day: date | None, precision: str | None) -> tuple[date, date] | None:
    """The first and the last day that a date may mean; None where it has none."""
    if day is None or precision == "unknown":
        return None
    if precision == "year":
        return day.replace(month=1, day=1), day.replace(month=12, day=31)
    if precision == "month":
        return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
    return day, day


def roster(
    patients: pa.Table, dissenting: frozenset[str], *, start_date: date, registration_types: tuple[str, ...]
) -> pa.Table:
    """For every patient known, the first reason to stay, or NULL: may leave. Columns as in ROSTER.

    Unknown answers count as reasons: a patient whose test or confidential mark could not be read stays.
    """
    known = pl.DataFrame(pl.from_arrow(patients))
    nameless = pl.lit(has_no_canonical_form(known["registration_id"]))
    reason = pl.coalesce(
        _stays(pl.col("fault").is_not_null() | nameless, "unreadable_patient_record"),
        _stays(pl.col("is_test_patient").fill_null(True), "test_patient"),
        _stays(pl.col("is_confidential").fill_null(True), "confidential_patient"),
        _stays(_SPELT_ONCE.is_in([spelt_once(each) for each in dissenting]), "type_one_opt_out"),
        _stays(pl.col("registration_end_date") < start_date, "left_before_start"),
        _stays(pl.col("date_of_death") < start_date, "died_before_start"),
        _stays(~pl.col("registration_type").is_in(registration_types).fill_null(False), "registration_out_of_scope"),
    )
    decided = known.select("registration_id", reason.alias("reason"), "date_of_birth")
    return decided.to_arrow().cast(ROSTER)


_SPELT_ONCE = spelling("registration_id")


def _stays(condition: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason))


def known_patients(remembered: pa.Table, pulled: pa.Table) -> pa.Table:
    """The last facts of every patient ever seen. A tombstone keeps the facts it closes: its fields are empty."""
    frames = [pl.DataFrame(pl.from_arrow(each)) for each in (remembered, pulled)]
    both = pl.concat(frames, how="diagonal").select(pulled.column_names)  # an older memory may lack a newer column
    last = both.filter(_IS_A_FACT).unique("registration_id", keep="last", maintain_order=True)
    return last.to_arrow().cast(pulled.schema)


def facts(patients: pa.Table) -> pa.Table:
    """The rows that say something of a registration."""
    return patients.filter(pl.DataFrame(pl.from_arrow(patients)).select(_IS_A_FACT).to_series().to_arrow())


_IS_A_FACT = ~pl.col("is_deleted").fill_null(False) & pl.col("registration_id").is_not_null()
