"""Writes what the formats cannot carry into docs/formats.md, from the table that the tests prove."""

from pathlib import Path

from journey.cannot_carry import CANNOT_CARRY, CannotCarry

PAGE = Path(__file__).parents[2] / "docs" / "formats.md"
BEGIN = "<!-- made from tests/journey/cannot_carry: begin -->\n"
END = "<!-- made from tests/journey/cannot_carry: end -->\n"


def page_as_it_should_be() -> str:
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + _made() + END + after


def _made() -> str:
    formats = sorted({entry.format for entry in CANNOT_CARRY})
    return "\n" + "\n".join(_section(name) for name in formats) + "\n" if formats else ""


def _section(format: str) -> str:
    """Entries with the same reason share a line."""
    by_reason: dict[str, list[CannotCarry]] = {}
    for entry in CANNOT_CARRY:
        if entry.format == format:
            by_reason.setdefault(entry.why, []).append(entry)
    lines = [f"| {', '.join(entry.what for entry in entries)} | {why} |" for why, entries in by_reason.items()]
    return "\n".join([f"### {format}", "", "| what | why |", "|---|---|", *lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page_as_it_should_be())
