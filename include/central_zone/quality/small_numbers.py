"""Small numbers: a count that counts people is not shown below ten, nor which number below ten it is."""

SMALLEST_SHOWN = 10
NOT_SHOWN = "not shown"
FEW = f"fewer than {SMALLEST_SHOWN}"
OF_PEOPLE = "patient"  # the table whose rows are people; of another's rows, which are entries, somebody may have many


def is_hidden(table: str, number: int, nights: int = 1) -> bool:
    """`nights`: how often each person may have been counted."""
    return table == OF_PEOPLE and 0 < number < SMALLEST_SHOWN * nights


def shown(table: str, number: int, nights: int = 1) -> str:
    if is_hidden(table, number, nights):
        return FEW if nights == 1 else NOT_SHOWN
    return f"{number:,}"
