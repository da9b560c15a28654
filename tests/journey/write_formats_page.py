"""Writes what the formats cannot carry into docs/formats.md, from the table that the tests prove."""

from pathlib import Path

from journey.cannot_carry import CANNOT_CARRY, CannotCarry
from simulator.formats import formats

MEASURE = "emis_csv"
PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
BEGIN = "<!-- made from tests/journey/cannot_carry: begin -->\n"
END = "<!-- made from tests/journey/cannot_carry: end -->\n"


def page_as_it_should_be() -> str:
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + _made() + END + after


def _made() -> str:
    others = [name for name in formats() if name != MEASURE]
    return "\n" + "\n".join(_section(name) for name in others) + "\n"


def _section(format: str) -> str:
    """Entries with the same reason share a line."""
    by_reason: dict[str, list[CannotCarry]] = {}
    for entry in CANNOT_CARRY:
        if entry.format == format:
            by_reason.setdefault(entry.why, []).append(entry)
    rows = [f"| {_what(entries)} | {why} |" for why, entries in by_reason.items()]
    told = ["| what | why |", "|---|---|", *rows] if rows else ["It carries everything that is compared."]
    return "\n".join([f"### {format}", "", *told, ""])


def _what(entries: list[CannotCarry]) -> str:
    """Columns and whole tables, then those of which only some rows are meant."""
    names = {which: [entry.name for entry in entries if entry.which == which] for which in _distinct(entries)}
    return "; ".join(", ".join(named) + (f": {which}" if which else "") for which, named in names.items())


def _distinct(entries: list[CannotCarry]) -> list[str]:
    return [*dict.fromkeys(entry.which for entry in entries)]


if __name__ == "__main__":
    PAGE.write_text(page_as_it_should_be())
