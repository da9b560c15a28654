"""Validate: which rows go to quarantine, and whether the parcel waits for a steward.

The rules stand in policy/expectations. A verdict holds rule ids, counts and row positions. It never holds a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import isnan
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from central_zone.expectations.frames import frame_of
from central_zone.expectations.parcel_facts import Facts, facts_frame, facts_of
from central_zone.expectations.profile import Profile
from central_zone.expectations.rules import PARCEL, Only, Rule, RuleBook, Severity, read_rule_book
from central_zone.expectations.together import Parcel, Together
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
    rules: tuple[RuleResult, ...] = ()  # every rule of every table of the shard that has rows, and those of the parcel
    profile: Profile = field(default_factory=Profile)  # what later nights are compared with


@dataclass(frozen=True, slots=True)
class Unvalidated:
    """The tables of one parcel, and the day its extract was taken: "the future" begins after it.

    `earlier` are the practice's earlier nights, the first of all left out. Whether the parcel holds the practice's whole
    record decides if what its rows refer to must be in it.
    """

    tables: Mapping[str, pa.Table]
    extract_date: date
    earlier: Sequence[Profile] = ()
    is_whole_record: bool = False


@dataclass(slots=True)
class _Findings:
    """What is known of one parcel so far."""

    failed: Positions = field(default_factory=dict)
    warned: dict[str, dict[str, int]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    rules: list[RuleResult] = field(default_factory=list)

    profile: Profile = field(default_factory=Profile)

    def note(self, rule: Rule, *, failed: int, seen: int) -> None:
        """Where nothing was seen, the rule could not be told: the table is empty, or there is no history yet."""
        self.rules.append(RuleResult(rule.table, rule.id, rule.severity, failed, seen))
        if failed and rule.severity == Severity.WARN:
            self.warned.setdefault(rule.table, {})[rule.id] = failed

    def shares_broken(self, book: RuleBook) -> dict[str, tuple[int, int]]:
        """Of each rule about rows: how many failed and were seen, in all tables that have it."""
        shares = {rule.id: (0, 0) for rules in book.rules.values() for rule in rules}
        for result in self.rules:
            failed, seen = shares[result.rule]
            shares[result.rule] = (failed + result.failed, seen + result.seen)
        return shares

    def verdict(self, *, expectations_run: int, suite_sha256: str) -> Verdict:
        return Verdict(
            failed_rows=self.failed,
            held_because=tuple(self.held),
            expectations_run=expectations_run,
            suite_sha256=suite_sha256,
            warnings=self.warned,
            rules=tuple(self.rules),
            profile=self.profile,
        )


@dataclass(frozen=True, slots=True)
class _Shard:
    """Several parcels looked at together, and what is found in each."""

    parcels: Sequence[Unvalidated]
    rows: Together
    book: RuleBook
    findings: list[_Findings]


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
    rows = Together([Parcel(parcel.tables, parcel.extract_date, parcel.is_whole_record) for parcel in parcels])
    shard = _Shard(parcels, rows, book, [_Findings() for _ in parcels])
    run = sum(_validate_table(table, shard, suites) for table in TABLES)
    run += _validate_parcels_as_a_whole(shard, suites)
    return [found.verdict(expectations_run=run, suite_sha256=book.sha256) for found in shard.findings]


def _validate_table(table: str, shard: _Shard, suites: "Suites") -> int:
    lengths = shard.rows.lengths(table)
    if not sum(lengths):
        return 0
    frame = frame_of(shard.rows, shard.book.lists, table, shard.book.columns(table))
    run, failed = suites.run(table, frame)
    filled = {name: frame[name].notna().to_numpy() for name in frame.columns if "." in name}
    for rule in shard.book.rules[table]:
        _share_out(rule, failed.get(rule.id, _NOWHERE), _rows_seen(rule, filled, lengths), lengths, shard)
    shard.rows.forget(table)
    return run


def _rows_seen(rule: Rule, filled: Mapping[str, np.ndarray], lengths: Sequence[int]) -> list[int]:
    """Of each parcel, the rows that a rule had something to say of: where it looks beside a row, and something is there."""
    told = [filled[column] for column in rule.columns if "." in column]
    if not told:
        return list(lengths)
    before = np.concatenate([[0], np.cumsum(np.logical_or.reduce(told))])
    ends = np.cumsum(lengths)
    return [int(before[end] - before[end - length]) for length, end in zip(lengths, ends, strict=True)]


def _share_out(rule: Rule, positions: np.ndarray, seen: Sequence[int], lengths: Sequence[int], shard: _Shard) -> None:
    """Gives each parcel its own failing rows, counted from its own first row."""
    ends = np.cumsum(lengths)
    pieces = np.split(positions, np.searchsorted(positions, ends[:-1]))
    for place, (parcel, found) in enumerate(zip(shard.parcels, shard.findings, strict=True)):
        if rule.only == Only.WHOLE_RECORD and not parcel.is_whole_record:
            found.note(rule, failed=0, seen=0)
            continue
        piece = pieces[place]
        found.note(rule, failed=len(piece), seen=seen[place])
        if len(piece) and rule.severity != Severity.WARN:
            found.failed.setdefault(rule.table, {})[rule.id] = piece - (ends[place] - lengths[place])


def _validate_parcels_as_a_whole(shard: _Shard, suites: "Suites") -> int:
    types = shard.book.words["observation_type"]
    told = [
        facts_of(parcel.tables, observation_types=types, earlier=parcel.earlier, shares=found.shares_broken(shard.book))
        for parcel, found in zip(shard.parcels, shard.findings, strict=True)
    ]
    run, failed = suites.run(PARCEL, facts_frame([facts.numbers for facts in told]))
    for rule in shard.book.rules[PARCEL]:
        broken = set(failed.get(rule.id, _NOWHERE).tolist())
        for position, (found, facts) in enumerate(zip(shard.findings, told, strict=True)):
            known = all(not isnan(facts.numbers[name]) for name in rule.columns)
            found.note(rule, failed=int(position in broken), seen=int(known))
            if position in broken and rule.severity == Severity.HOLD_PARCEL:
                found.held.append(_in_words(rule, facts))
    for found, facts in zip(shard.findings, told, strict=True):
        found.profile = facts.profile
    return run


def _in_words(rule: Rule, facts: Facts) -> str:
    found = ", ".join(f"{name} is {facts.numbers[name]:.3g}{facts.where(name)}" for name in rule.columns)
    return f"{rule.id}: {found}. {rule.why}"
