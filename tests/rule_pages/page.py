"""One page: which policy files it explains, and how its text is made of them."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from crossing.policy import Policy

FOLDER = Path(__file__).parents[2] / "docs" / "rules"
HOW_TO_MAKE = "make pages"
_MADE = f"<!-- Made from the policy files by `{HOW_TO_MAKE}`. Change the policy, not this page, and make it again. -->"
_DEMONSTRATION = """\
> **This is a demonstration.** Every patient, practice and record in it is made up. It is not an NHS service. No real
> patient's record may be collected with it: the notice that would have allowed that was withdrawn in 2021."""


@dataclass(frozen=True, slots=True)
class Page:
    """`explains`: policy files by name or pattern; the page must change with them. `body` makes the text."""

    file: str
    title: str
    about: str  # one line in the contents
    explains: tuple[str, ...]
    body: Callable[[Policy], str] = field(repr=False)

    def text(self, policy: Policy) -> str:
        files = explained_files(policy, self.explains)
        made_from = "\n".join(f"- [`{name}`](../../include/policy/{name})" for name in files)
        parts = [
            _MADE,
            f"# {self.title}",
            _DEMONSTRATION,
            self.body(policy).strip(),
            f"## Where these rules are written down\n\n{made_from}",
            f"Software reads these files and does what they say. This page is made from them by `{HOW_TO_MAKE}`. "
            "[All pages](README.md).",
        ]
        return re.sub(r"\n{3,}", "\n\n", "\n\n".join(parts)) + "\n"


def explained_files(policy: Policy, patterns: Iterable[str]) -> list[str]:
    """The files that the patterns name. A pattern that names none is an error: the page would explain what is not there."""
    found: set[str] = set()
    for pattern in patterns:
        named = {str(path.relative_to(policy.folder)) for path in policy.folder.glob(pattern) if path.is_file()}
        if not named:
            raise FileNotFoundError(f"policy/{pattern}: no such file. A page of docs/rules explains it.")
        found |= named
    return sorted(found)


def table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table; a bar in a cell would end it."""
    heads = list(heads)
    lines = [_row(heads), "|" + "---|" * len(heads), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Iterable[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def percent(share: float) -> str:
    """0.05 -> "5 in every 100"."""
    in_a_hundred = share * 100
    return f"{in_a_hundred:g} in every 100"


def count_of(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def in_words(name: str) -> str:
    return name.replace("_", " ")


def sentence(name: str) -> str:
    """`the_latest_date_wins` -> `The latest date wins`."""
    words = in_words(name)
    return words[:1].upper() + words[1:]


def day(on: object) -> str:
    """A date as people write it."""
    return f"{on.day} {on:%B %Y}"  # type: ignore[attr-defined]
