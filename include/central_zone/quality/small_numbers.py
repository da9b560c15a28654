"""Small numbers: a count that counts people is not shown below ten, nor which number below ten it is."""

from central_zone.expectations.rules import PARCEL

SMALLEST_SHOWN = 10
NOT_SHOWN = "not shown"
FEW = f"fewer than {SMALLEST_SHOWN}"
_COUNTS_PEOPLE = frozenset({"patient"})


def is_of_people(table: str) -> bool:
    """Whether a row of the table is a person. A row of another is an entry, of which somebody may have many."""
    return table in _COUNTS_PEOPLE and table != PARCEL


def is_hidden(table: str, number: int, nights: int = 1) -> bool:
    """`nights`: how often each person may have been counted."""
    return is_of_people(table) and 0 < number < SMALLEST_SHOWN * nights


def shown(table: str, number: int) -> str:
    return FEW if is_hidden(table, number) else f"{number:,}"
