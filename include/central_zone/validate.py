"""Validate: which rows go to quarantine, and whether the parcel waits for a steward.

The rules stand in policy/expectations. A verdict holds rule ids, counts and row positions. It never holds a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from central_zone.expectations.frames import frame_of
from central_zone.expectations.parcel_facts import facts_frame, facts_of
from central_zone.expectations.rules import PARCEL, Rule, RuleBook, Severity, read_rule_book
from crossing.canonical import TABLES
from crossing.policy import Policy

if TYPE_CHECKING:
    from central_zone.expectations.suites import Suites

Positions = dict[str, dict[str, np.ndarray]]  # table -> rule id -> row positions, ascending
_NOWHERE = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class RuleResult:
    """How one rule fared with one parcel, also where nothing broke it. A parcel as a whole is one row of its own suite."""

    table: str
    rule: str
    severity: Severity
    failed: int
    seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What validation found in one parcel."""

    failed_rows: Positions
    held_because: tuple[str, ...]
    expectations_run: int
    suite_sha256: str
    warnings: dict[str, dict[str, int]] = field(default_factory=dict)  # table -> rule id -> rows
    rules: tuple[RuleResult, ...] = ()  # every rule of every table that has rows, and those of the parcel


@dataclass(frozen=True, slots=True)
class Unvalidated:
    """The tables of one parcel, and the day its extract was taken: "the future" begins after it.

    `usual_rows` is the median of the practice's earlier nights, the first of all left out; None while there are few.
    """

    tables: Mapping[str, pa.Table]
    extract_date: date
    usual_rows: float | None = None


@dataclass(slots=True)
class _Findings:
    """What is known of one parcel so far."""

    failed: Positions = field(default_factory=dict)
    warned: dict[str, dict[str, int]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    rules: list[RuleResult] = field(default_factory=list)

    def note(self, rule: Rule, *, failed: int, seen: int) -> None:
        """Nothing was seen where a table is empty, so nothing is said of it."""
        if seen:
            self.rules.append(RuleResult(rule.table, rule.id, rule.severity, failed, seen))
        if failed and rule.severity == Severity.WARN:
            self.warned.setdefault(rule.table, {})[rule.id] = failed

    def verdict(self, *, expectations_run: int, suite_sha256: str) -> Verdict:
        return Verdict(
            failed_rows=self.failed,
            held_because=tuple(self.held),
            expectations_run=expectations_run,
            suite_sha256=suite_sha256,
            warnings=self.warned,
            rules=tuple(self.rules),
        )


def validate_tables(tables: Mapping[str, pa.Table], *, extract_date: date, policy: Policy) -> Verdict:
    """The verdict on one parcel: canonical tables by name, their tokens already those of the store.

    Raises PersonMustAct where a rule cannot be read or carried out: no check, no load.
    """
    return validate_shard([Unvalidated(tables, extract_date)], policy=policy)[0]


def validate_shard(parcels: Sequence[Unvalidated], *, policy: Policy) -> list[Verdict]:
    """The verdicts on several parcels, in order. Their rows are looked at together: a suite has a fixed cost.

    Raises as validate_tables does.
    """
    # Great Expectations takes seconds to import; whoever only asks the ledger does not wait for it.
    from central_zone.expectations.suites import Suites  # noqa: PLC0415  (for the seconds above)

    book = read_rule_book(policy)
    suites = Suites(book)
    findings = [_Findings() for _ in parcels]
    run = sum(_validate_table(table, parcels, book, suites, findings) for table in TABLES)
    run += _validate_parcels_as_a_whole(parcels, book, suites, findings)
    return [found.verdict(expectations_run=run, suite_sha256=book.sha256) for found in findings]


def _validate_table(
    table: str, parcels: Sequence[Unvalidated], book: RuleBook, suites: "Suites", findings: list[_Findings]
) -> int:
    lengths = [parcel.tables[table].num_rows if table in parcel.tables else 0 for parcel in parcels]
    if not sum(lengths):
        return 0
    columns = book.columns(table)
    rows = _together(table, parcels, columns)
    frame = frame_of(table, rows, columns, lengths=lengths, extract_dates=[parcel.extract_date for parcel in parcels])
    run, failed = suites.run(table, frame)
    for rule in book.rules[table]:
        _share_out(rule, failed.get(rule.id, _NOWHERE), lengths, findings)
    return run


def _together(table: str, parcels: Sequence[Unvalidated], columns: set[str]) -> pa.Table:
    named = [column.name for column in TABLES[table] if column.name in columns]
    return pa.concat_tables([parcel.tables[table].select(named) for parcel in parcels if table in parcel.tables])


def _share_out(rule: Rule, positions: np.ndarray, lengths: Sequence[int], findings: list[_Findings]) -> None:
    """Gives each parcel its own failing rows, counted from its own first row."""
    ends = np.cumsum(lengths)
    pieces = np.split(positions, np.searchsorted(positions, ends[:-1]))
    for found, piece, length, end in zip(findings, pieces, lengths, ends, strict=True):
        found.note(rule, failed=len(piece), seen=length)
        if len(piece) and rule.severity != Severity.WARN:
            found.failed.setdefault(rule.table, {})[rule.id] = piece - (end - length)


def _validate_parcels_as_a_whole(
    parcels: Sequence[Unvalidated], book: RuleBook, suites: "Suites", findings: list[_Findings]
) -> int:
    facts = [facts_of(parcel.tables, usual_rows=parcel.usual_rows) for parcel in parcels]
    run, failed = suites.run(PARCEL, facts_frame(facts))
    for rule in book.rules[PARCEL]:
        broken = set(failed.get(rule.id, _NOWHERE).tolist())
        for position, found in enumerate(findings):
            found.note(rule, failed=int(position in broken), seen=1)
            if position in broken and rule.severity == Severity.HOLD_PARCEL:
                found.held.append(_in_words(rule, facts[position]))
    return run


def _in_words(rule: Rule, facts: dict[str, float]) -> str:
    found = ", ".join(f"{name} is {facts[name]:.3g}" for name in rule.columns)
    return f"{rule.id}: {found}. {rule.why}"
