"""The words of a page, and of the index of all."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from runbook_pages.errors import BRANCHES, ROOT, OurError, our_errors
from runbook_pages.rehearsed import rehearsals

FOLDER = ROOT / "docs" / "runbook"
NOTES = Path(__file__).with_name("notes.toml")
_TESTS_SHOWN = 3
_HEAD = """# What each error means, and what to do

A page for each error that the software can tell. Made by `make pages` from the code, from notes, and from the tests that bring
each one about; a guard holds the pages to them. [The runbook](../runbook.md) has what is more than one error.

| error | whose move | what it means |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Note:
    """What people wrote: of which errors, where the line begins so, what happened and what to do."""

    errors: tuple[str, ...]
    line: str
    happened: str
    do: str


@cache
def notes() -> list[Note]:
    content = tomllib.loads(NOTES.read_text())["note"]
    return [Note(tuple(each["errors"]), each["line"], each["happened"], each["do"]) for each in content]


def pages() -> dict[str, str]:
    """File name -> text, the index among them."""
    errors = our_errors()
    made = {f"{name}.md": _page(error, errors) for name, error in errors.items()}
    lines = [
        f"| [{name}]({name}.md) | {BRANCHES[error.branch]} | {error.meanings[0]} |" for name, error in errors.items()
    ]
    return {"README.md": _HEAD + "\n".join(lines) + "\n", **made}


def _page(error: OurError, errors: dict[str, OurError]) -> str:
    return "\n".join(
        [f"# {error.name}", "", *error.meanings, "", f"**Whose move:** {_move(error)}", "", *_sections(error, errors)]
    )


def _move(error: OurError) -> str:
    if error.branch == "TryAgain":
        return "nobody's at first: Airflow tries the same again by itself (exit code 3). If it stays so, do what the line says."
    return "a person's: nothing changes until somebody does what the line says (exit code 4). Then clear the task; that is always safe."


def _sections(error: OurError, errors: dict[str, OurError]) -> Iterator[str]:
    for note in notes_of(error, errors):
        yield from (
            f"## {note.line}",
            "",
            f"**What happened:** {_links(note.happened)}",
            "",
            f"**Do:** {_links(note.do)}",
            "",
        )
    if error.lines:
        yield from ("## Lines it may say", "", "`...` is a count, a code, a file or a rule: never a value.", "")
        yield from (f"- {_plain(line)}" for line in error.lines)
        yield ""
    yield from ("## Rehearsed by", "", *_rehearsed(error.name), "")


def notes_of(error: OurError, errors: dict[str, OurError]) -> list[Note]:
    """Its own; else those of what it is a kind of."""
    own = [note for note in notes() if error.name in note.errors]
    return own or [note for parent in error.parents if parent in errors for note in notes_of(errors[parent], errors)]


def _rehearsed(name: str) -> Iterator[str]:
    tests = rehearsals().get(name, [])
    if not tests:
        yield "Nobody yet."
    for test in tests[:_TESTS_SHOWN]:
        path, _, function = test.partition("::")
        yield f"- [{function}](../../{path})"
    if len(tests) > _TESTS_SHOWN:
        yield f"- and {len(tests) - _TESTS_SHOWN} more"


def _links(text: str) -> str:
    """As they lead from a folder below."""
    text = text.replace("](#", "](../runbook.md#")
    return re.sub(r"\]\((?!\.\./|https?:|#)([\w/.-]+\.md)", r"](../\1", text)


def _plain(line: str) -> str:
    return line.replace("|", "\\|").replace("<", "&lt;")
