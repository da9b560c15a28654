"""The counts of a parcel, and the rule that they close: read = sent + held back + quarantined, in every table."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from crossing.errors import PersonMustAct


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
    for table, row in counts["tables"].items():
        accounted = row["sent"] + sum(row["held_back"].values()) + sum(row["quarantined"].values())
        if row["read"] != accounted:
            raise CountsDoNotClose(
                f"{table}: read {row['read']} rows but {accounted} are accounted for. "
                "Rule: read = sent + held back + quarantined. Do not release; report this as a fault of the software."
            )
