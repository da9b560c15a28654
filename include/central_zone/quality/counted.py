"""How many of how many broke a rule, as it may be shown: a small number that counts people is not."""

from dataclasses import dataclass

from central_zone.quality.shares import share_in_words
from central_zone.quality.small_numbers import FEW, NOT_SHOWN, is_hidden


@dataclass(frozen=True, slots=True)
class Counted:
    """Made by `counted` alone, so that nobody downstream has the numbers that are not shown."""

    failed: int | None
    seen: int | None
    failed_in_words: str
    seen_in_words: str

    @property
    def share(self) -> float | None:
        """None where it would tell a number that is not shown, or where nothing was seen."""
        return None if self.failed is None or not self.seen else self.failed / self.seen

    @property
    def share_in_words(self) -> str:
        if self.failed is None or self.seen is None:
            return NOT_SHOWN
        if not self.seen:
            return "none seen"
        return share_in_words(self.failed / self.seen)


def counted(table: str, failed: int, seen: int, *, nights: int = 1) -> Counted:
    """`nights`: how often the same people may be among those counted. Three people on ten nights are thirty, and three."""
    hidden_failed, hidden_seen = is_hidden(table, failed, nights), is_hidden(table, seen, nights)
    # Of a list of ten or more from which all but a few failed, the few would be told by taking one from the other.
    hidden_failed = hidden_failed or is_hidden(table, seen - failed, nights) or hidden_seen
    return Counted(
        None if hidden_failed else failed,
        None if hidden_seen else seen,
        _in_words(table, failed, nights, hidden=hidden_failed),
        _in_words(table, seen, nights, hidden=hidden_seen),
    )


def _in_words(table: str, number: int, nights: int, *, hidden: bool) -> str:
    if not hidden:
        return f"{number:,}"
    return FEW if is_hidden(table, number, nights) and nights == 1 else NOT_SHOWN
