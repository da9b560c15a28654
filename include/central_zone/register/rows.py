"""What the register says of rows: loaded, kept out by which rule, and what was decided since about those."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from central_zone.expectations.rules import RuleBook
from central_zone.register.disclosure_control import PublishedCount, controlled
from central_zone.register.read_ledger import ParcelRun

# A row of this table is a person's registration at a practice, so its rows are counts of people.
_PEOPLE = "patient"


def rows_loaded(loaded: Sequence[ParcelRun]) -> list[dict[str, Any]]:
    rows: Counter[str] = Counter()
    for run in loaded:
        rows.update(run.rows_loaded)
    practices = len({run.practice_code for run in loaded})
    return [{"table": table, **_shown(table, count, practices)} for table, count in sorted(rows.items())]


def rows_quarantined(loaded: Sequence[ParcelRun], book: RuleBook) -> list[dict[str, Any]]:
    rows: Counter[tuple[str, str]] = Counter()
    for run in loaded:
        rows.update({(table, rule): n for table, rules in run.rows_quarantined.items() for rule, n in rules.items()})
    why = {(table, rule.id): rule.why for table, rules in book.rules.items() for rule in rules}
    practices = len({run.practice_code for run in loaded})
    return [
        {"table": table, "rule": rule, "why": why.get((table, rule), ""), **_shown(table, count, practices)}
        for (table, rule), count in sorted(rows.items())
    ]


def rows_decided(loaded: Sequence[ParcelRun]) -> list[dict[str, Any]]:
    """Of the rows that were kept out: those that a steward let in since, and those that stay out by a decision."""
    released, discarded = Counter[str](), Counter[str]()
    for run in loaded:
        released.update(run.rows_released)
        discarded.update(run.rows_discarded)
    practices = len({run.practice_code for run in loaded})
    return [
        {
            "table": table,
            "released": _shown(table, released[table], practices)["rows"],
            "discarded": _shown(table, discarded[table], practices)["rows"],
        }
        for table in sorted(released | discarded)
    ]


def _shown(table: str, rows: int, practices: int) -> dict[str, Any]:
    shown = controlled(rows, practices=practices) if table == _PEOPLE else PublishedCount(rows, f"{rows:,}")
    return {"rows": asdict(shown)}
