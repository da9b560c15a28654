"""How many coded entries of somebody a store holds today, from the suppliers' lines, read slowly."""

from collections.abc import Iterable
from datetime import date, datetime

from support.books import Sent
from support.slow_type_one_rule import Line, Registration


def entries(lines: Iterable[Line], stated: list[Registration], sent: Sent, taken: dict[int, datetime]) -> int:
    """`sent`: on which nights something of theirs came in. The lines in the order in which they were delivered."""
    every, there = list(lines), set[str]()
    for night, whole in sent:
        day = taken[night].date()
        born = [each.born for each in stated if each.night <= taken[night]][-1]
        some = [line for line in every if line.night <= taken[night] if whole or line.night.date() == day]
        last = {line.entry or "": line for line in some}
        for entry, line in last.items():
            if line.deleted:
                there.discard(entry)
            elif line.readable and not _is_ahead(line.dated, day) and not line.dated < born[: len(line.dated)]:
                there.add(entry)
    return len(there)


def _is_ahead(dated: str, day: date) -> bool:
    if not dated:
        return False
    year, month, of_month = (*dated.split("-"), "1", "1")[:3]
    return date(int(year), int(month), int(of_month)) > day
