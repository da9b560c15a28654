"""The one allowed way past an unknown field: a reviewed line in policy/fields/ignore_until.csv, which runs out."""

from dataclasses import dataclass
from datetime import date

from crossing.policy import Policy, PolicyRefused

FILE = "fields/ignore_until.csv"
_COLUMNS = {"format", "table", "field", "until", "reviewed_by", "why"}

Field = tuple[str, str]  # table, column; or resource type, element


@dataclass(frozen=True, slots=True)
class Ignored:
    """Fields of one format that a reviewer lets lie unread for a while, and those whose while is over."""

    live: frozenset[Field]
    expired: dict[Field, date]


def read_ignored(policy: Policy, format_name: str, today: date) -> Ignored:
    """Raises PolicyRefused for a line without a reviewer, a reason or a date. The last day itself still helps."""
    rows = policy.rows(FILE)
    until = {(row["table"], row["field"]): _until(row) for row in rows if _is_whole(row)["format"] == format_name}
    return Ignored(
        live=frozenset(field for field, last in until.items() if last >= today),
        expired={field: last for field, last in until.items() if last < today},
    )


def ignored_fields(policy: Policy, format_name: str, today: date) -> frozenset[Field]:
    """(table, field) of every live entry of a format. Such a field is never read; it only does not stop the practice."""
    return read_ignored(policy, format_name, today).live


def _is_whole(row: dict[str, str]) -> dict[str, str]:
    if set(row) != _COLUMNS or not all(isinstance(cell, str) and cell.strip() for cell in row.values()):
        raise PolicyRefused(f"policy/{FILE}: a line lacks one of {', '.join(sorted(_COLUMNS))}. Correct the file.")
    return row


def _until(row: dict[str, str]) -> date:
    try:
        return date.fromisoformat(row["until"])
    except ValueError:
        raise PolicyRefused(f"policy/{FILE}: `until` of a line of {row['format']} is no date (yyyy-mm-dd).") from None
