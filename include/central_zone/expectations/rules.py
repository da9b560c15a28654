"""Reads policy/expectations/ into frozen rules, and refuses what it does not know. No Great Expectations in here."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from central_zone.expectations.lists import LIST_FILES, Lists, read_lists
from crossing.canonical import TABLES
from crossing.manifest import canonical_json
from crossing.policy import Policy, PolicyRefused

PARCEL = "parcel"  # rules about a parcel as a whole stand in parcel.toml: one row a parcel, its columns are facts
VOCABULARIES = "vocabularies.toml"
_KEYS = frozenset({"id", "expectation", "columns", "severity", "why", "owner"})


class Only(StrEnum):
    """To which parcels a rule applies. Where it does not, it is said that nothing was seen."""

    EVERY_PARCEL = "every_parcel"
    WHOLE_RECORD = "whole_record"  # a practice's first parcel, and a snapshot: what rows refer to must be in it too


class Severity(StrEnum):
    """What follows when a rule is broken."""

    DROP_ROW = "drop_row"  # the row goes to quarantine, the rest is loaded
    HOLD_PARCEL = "hold_parcel"  # the whole parcel waits for a steward
    WARN = "warn"  # counted, nothing more


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of one table, as its steward wrote it."""

    id: str
    table: str
    expectation: str
    columns: tuple[str, ...]
    severity: Severity
    why: str
    owner: str
    arguments: dict[str, Any] = field(default_factory=dict)
    only: Only = Only.EVERY_PARCEL


@dataclass(frozen=True, slots=True)
class RuleBook:
    """All rules, the words of the closed columns they name, the lists they look things up in, a fingerprint of all."""

    rules: dict[str, tuple[Rule, ...]]
    words: dict[str, tuple[str, ...]]
    lists: Lists
    sha256: str

    def columns(self, table: str) -> set[str]:
        """Those that rules name, and whether a row says "deleted": several rules look at live rows only."""
        return {"is_deleted"} | {column for rule in self.rules[table] for column in rule.columns}


def read_rule_book(policy: Policy) -> RuleBook:
    """Every rule for every canonical table and for the parcel. Raises PolicyRefused for a file it cannot trust."""
    names = [*TABLES, PARCEL]
    rules = {table: _rules_of(table, policy) for table in names}
    words = {column: tuple(sorted(policy.vocabulary(column))) for column in _closed_columns(rules)}
    lists = read_lists(policy)
    applied = [*(_file(table) for table in names), VOCABULARIES, *LIST_FILES]
    fingerprint = {name: policy.sha256[name] for name in applied if name in policy.sha256}
    return RuleBook(rules, words, lists, hashlib.sha256(canonical_json(fingerprint)).hexdigest())


def _file(table: str) -> str:
    return f"expectations/{table}.toml"


def _closed_columns(rules: dict[str, tuple[Rule, ...]]) -> list[str]:
    named = (rule for of_table in rules.values() for rule in of_table if rule.expectation == "expect_listed_words")
    return sorted({column for rule in named for column in rule.columns})


def _rules_of(table: str, policy: Policy) -> tuple[Rule, ...]:
    content = policy.table(_file(table))
    if set(content) != {"rule"}:
        raise PolicyRefused(f"policy/{_file(table)} must hold [[rule]] entries and nothing else. Correct the file.")
    rules = tuple(_rule(table, entry) for entry in content["rule"])
    repeated = len(rules) - len({rule.id for rule in rules})
    if repeated:
        raise PolicyRefused(
            f"policy/{_file(table)}: {repeated} rule ids stand twice. Give every rule an id of its own."
        )
    return rules


def _rule(table: str, entry: dict[str, Any]) -> Rule:
    missing, unknown = sorted(_KEYS - set(entry)), sorted(set(entry) - _KEYS - {"arguments", "only"})
    if missing or unknown:
        raise PolicyRefused(
            f"policy/{_file(table)}: missing keys {missing}, unknown keys {unknown} in a rule. Correct it."
        )
    if entry["severity"] not in set(Severity):
        raise PolicyRefused(
            f"policy/{_file(table)}, rule {entry['id']}: severity must be one of {', '.join(Severity)}."
        )
    if entry.get("only", Only.EVERY_PARCEL) not in set(Only):
        raise PolicyRefused(f"policy/{_file(table)}, rule {entry['id']}: only must be one of {', '.join(Only)}.")
    _check_scope(table, entry)
    typed = {"severity": Severity(entry["severity"]), "only": Only(entry.get("only", Only.EVERY_PARCEL))}
    return Rule(table=table, **{**entry, "columns": tuple(entry["columns"]), **typed})


def _check_scope(table: str, entry: dict[str, Any]) -> None:
    """A rule about rows cannot hold a parcel, and a rule about a parcel cannot drop a row."""
    wrong = Severity.DROP_ROW if table == PARCEL else Severity.HOLD_PARCEL
    if entry["severity"] == wrong:
        raise PolicyRefused(
            f"policy/{_file(table)}, rule {entry['id']}: {wrong} has no meaning there. "
            f"Rules that hold parcels stand in {PARCEL}.toml, rules that drop rows in the file of their table."
        )
