"""How many people are on each practice's list, and in which region of England it is: policy/practice_lists.csv."""

from dataclasses import dataclass
from datetime import date

from crossing.policy import Policy, PolicyRefused

FILE = "practice_lists.csv"
# NHS England's seven.
REGIONS = (
    "East of England",
    "London",
    "Midlands",
    "North East and Yorkshire",
    "North West",
    "South East",
    "South West",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PracticeList:
    """One row."""

    practice_code: str
    region: str
    registered_patients: int
    as_of: date
    source: str


def practice_lists(policy: Policy) -> dict[str, PracticeList]:
    """By practice code; of a practice without a row nothing is known. Raises PolicyRefused."""
    return {row["practice_code"]: _list_of(row) for row in policy.rows(FILE)}


def _list_of(row: dict[str, str]) -> PracticeList:
    try:
        as_of = date.fromisoformat(row["as_of"])
    except ValueError:
        raise _refused(row, "as_of is no date") from None
    if row["region"] not in REGIONS:
        raise _refused(row, "the region is none of England's seven")
    if not row["registered_patients"].isdecimal():
        raise _refused(row, "registered_patients is no number")
    return PracticeList(
        practice_code=row["practice_code"],
        region=row["region"],
        registered_patients=int(row["registered_patients"]),
        as_of=as_of,
        source=row["source"],
    )


def _refused(row: dict[str, str], why: str) -> PolicyRefused:
    return PolicyRefused(f"policy/{FILE}, practice {row['practice_code']}: {why}. Correct the file.")
