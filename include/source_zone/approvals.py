"""What somebody has asked about and found to be meant: a reviewed line of policy lets a practice's unusual night pass."""

from datetime import date

from crossing.policy import Policy, PolicyRefused

APPROVED_DELETIONS, APPROVED_OPT_OUTS = "approved_deletions.csv", "approved_opt_outs.csv"
EVERY = "every"  # in place of an extract: whichever comes, until the day
COLUMNS = {"practice_code", "extract_id", "approved_by", "until", "why"}


def approvals(policy: Policy, name: str, today: date) -> frozenset[tuple[str, str]]:
    """(practice, extract) of every approval in force. Raises PolicyRefused for a line without a name, a day or a reason."""
    return frozenset(
        (row["practice_code"], row["extract_id"]) for row in policy.rows(name) if _until(row, name) >= today
    )


def _until(row: dict[str, str], name: str) -> date:
    try:
        if set(row) == COLUMNS and all(cell.strip() for cell in row.values()):
            return date.fromisoformat(row["until"])
    except (ValueError, AttributeError):
        pass
    raise PolicyRefused(
        f"policy/{name}: a line lacks one of {', '.join(sorted(COLUMNS))}, or `until` is no date. Correct the file."
    )
