"""The counts of a parcel, and the rule that they close: read = sent + held back + quarantined, in every table."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from crossing.canonical import BESIDE_RECORDS, TABLES
from crossing.errors import PersonMustAct

LARGEST_COUNT = 999_999_999  # one digit short of an NHS number
# Five digits together are no part of a name: a date, a telephone number or an identifier would be.
_REASON = re.compile(r"(?!.*[0-9]{5})[a-z][a-z0-9_]{0,40}")
_WHAT = re.compile(r"(?!.*[0-9]{5})[A-Za-z][A-Za-z0-9_.]{0,60}")


class CountsDoNotClose(PersonMustAct):
    """Rows went missing, or appeared, between reading and sealing."""


@dataclass(slots=True)
class TableCounts:
    """What became of the rows of one table. Reasons and rules are names from policy, never values."""

    read: int = 0
    sent: int = 0
    held_back: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)

    def add(self, other: "TableCounts") -> None:
        self.read += other.read
        self.sent += other.sent
        self.held_back += other.held_back
        self.quarantined += other.quarantined

    def closes(self) -> bool:
        return self.read == self.sent + self.held_back.total() + self.quarantined.total()


@dataclass(slots=True)
class Counts:
    """What became of everything an extract held."""

    tables: dict[str, TableCounts] = field(default_factory=dict)
    patients_held_back: Counter[str] = field(default_factory=Counter)
    patients_may_leave: int = 0
    reference_rows: Counter[str] = field(default_factory=Counter)  # code tables and the like: read, never sent
    not_collected: Counter[str] = field(default_factory=Counter)  # kinds of entry that policy leaves at the source
    generalised: Counter[str] = field(default_factory=Counter)  # words outside a closed list, sent as "other"
    retired_objections: Counter[str] = field(default_factory=Counter)  # entries of opt-outs that ended: not obeyed

    def of(self, table: str) -> TableCounts:
        return self.tables.setdefault(table, TableCounts())

    def as_dict(self) -> dict[str, Any]:
        """Plain sorted data for the manifest; whole numbers only."""
        return {
            "tables": {name: _table_as_dict(counts) for name, counts in sorted(self.tables.items())},
            "patients_held_back": dict(sorted(self.patients_held_back.items())),
            "patients_may_leave": self.patients_may_leave,
            "reference_rows": dict(sorted(self.reference_rows.items())),
            "not_collected": dict(sorted(self.not_collected.items())),
            "generalised": dict(sorted(self.generalised.items())),
            "retired_objections": dict(sorted(self.retired_objections.items())),
        }


def _table_as_dict(counts: TableCounts) -> dict[str, Any]:
    return {
        "read": counts.read,
        "sent": counts.sent,
        "held_back": dict(sorted(counts.held_back.items())),
        "quarantined": dict(sorted(counts.quarantined.items())),
    }


def check_counts_close(counts: dict[str, Any]) -> None:
    """Raises CountsDoNotClose unless, in every table, read = sent + held back + quarantined."""
    if not are_counts(counts):
        raise CountsDoNotClose(
            "The counts are not whole numbers under names of tables, reasons and rules. Report this as a fault of the software."
        )
    for table, row in counts["tables"].items():
        accounted = row["sent"] + sum(row["held_back"].values()) + sum(row["quarantined"].values())
        if row["read"] != accounted:
            raise CountsDoNotClose(
                f"{table}: read {row['read']} rows but {accounted} are accounted for. "
                "Rule: read = sent + held back + quarantined. Do not release; report this as a fault of the software."
            )


def are_counts(value: Any) -> bool:
    """Whether a value is what `Counts.as_dict` makes: whole numbers, under names that can be shown to anybody."""
    return (
        _has_keys(value, _PARCEL_KEYS)
        and isinstance(value["tables"], dict)
        and all((table in TABLES or table in BESIDE_RECORDS) and _is_row(row) for table, row in value["tables"].items())
        and is_count(value["patients_may_leave"])
        and all(
            _are_counted(value[name], _REASON) for name in ("patients_held_back", "generalised", "retired_objections")
        )
        and all(_are_counted(value[name], _WHAT) for name in ("reference_rows", "not_collected"))
    )


_PARCEL_KEYS = frozenset(Counts.__dataclass_fields__)
_TABLE_KEYS = frozenset(TableCounts.__dataclass_fields__)


def _is_row(row: Any) -> bool:
    return (
        _has_keys(row, _TABLE_KEYS)
        and is_count(row["read"])
        and is_count(row["sent"])
        and _are_counted(row["held_back"], _REASON)
        and _are_counted(row["quarantined"], _REASON)
    )


def _has_keys(value: Any, keys: frozenset[str]) -> bool:
    return isinstance(value, dict) and value.keys() == keys


def _are_counted(value: Any, names: re.Pattern[str]) -> bool:
    return isinstance(value, dict) and all(
        names.fullmatch(name) is not None and is_count(number) for name, number in value.items()
    )


def is_count(value: Any) -> bool:
    """A whole number from 0 to LARGEST_COUNT; True and False are none."""
    return type(value) is int and 0 <= value <= LARGEST_COUNT
