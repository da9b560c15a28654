"""How many of how many broke a rule, as it may be shown: a small number that counts people is not."""

from dataclasses import dataclass

from central_zone.quality.small_numbers import is_hidden, shown


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
            return "not shown"
        if not self.seen:
            return "none seen"
        return "0 %" if not self.failed else f"{100 * self.failed / self.seen:.2g} %"


def counted(table: str, failed: int, seen: int) -> Counted:
    hidden_failed, hidden_seen = is_hidden(table, failed), is_hidden(table, seen)
    # Of a list of ten or more from which all but a few failed, the few would be told by taking one from the other.
    hidden_failed = hidden_failed or is_hidden(table, seen - failed) or hidden_seen
    return Counted(
        None if hidden_failed else failed,
        None if hidden_seen else seen,
        shown(table, failed) if is_hidden(table, failed) or not hidden_failed else "not shown",
        shown(table, seen),
    )
