"""The runbook has a page for each error that the software can tell, none is left over, and each is rehearsed by a test."""

import re
from collections.abc import Iterator

import pytest

from runbook_pages.errors import ROOT, our_errors
from runbook_pages.page import FOLDER, notes, pages
from runbook_pages.rehearsed import rehearsals

ERRORS = our_errors()


def test_the_pages_are_as_the_code_the_notes_and_the_tests_make_them() -> None:
    found = {path.name: path.read_text() for path in FOLDER.glob("*")}
    wanted = pages()
    assert set(found) == set(wanted), "a page for each error and none besides: make pages"
    assert [name for name, text in wanted.items() if found[name] != text] == [], (
        "the pages are made anew by: make pages"
    )


def test_the_errors_found_in_the_code_are_those_that_there_are() -> None:
    """The code is read and not imported, so one it could not read would be missing."""
    assert {"FileRefused", "StoreDown", "SoftwareFault", "ReasonMissing", "WrongRecipient", "CustodyAway"} <= set(
        ERRORS
    )
    assert len(ERRORS) > 150
    assert {error.branch for error in ERRORS.values()} == {"TryAgain", "PersonMustAct"}
    assert [name for name, error in ERRORS.items() if not all(error.meanings)] == [], (
        "say what it means in its docstring"
    )


def test_a_note_is_of_an_error_that_there_is() -> None:
    assert [note.errors for note in notes() if not set(note.errors) <= set(ERRORS)] == []


def test_each_error_is_brought_about_by_a_test() -> None:
    shown = rehearsals()
    assert [name for name in ERRORS if name not in shown] == []


def test_each_mark_names_an_error() -> None:
    named = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r'mark\.runbook\("(\w+)"\)', path.read_text())
    }
    assert named
    assert named <= set(ERRORS)


def links() -> Iterator[tuple[str, str]]:
    for path in [*FOLDER.glob("*.md"), ROOT / "docs" / "runbook.md"]:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if not target.startswith(("http", "#")):
                yield str(path.relative_to(ROOT)), target


def test_every_link_leads_somewhere() -> None:
    headings = {
        re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in (ROOT / "docs" / "runbook.md").read_text().splitlines()
        if line.startswith("#")
    }
    broken = []
    for page, target in links():
        path, _, heading = target.partition("#")
        there = (ROOT / page).parent / path
        if not there.exists() or (heading and path.endswith("runbook.md") and heading not in headings):
            broken.append((page, target))
    assert broken == []


def test_every_page_that_a_message_names_is_there() -> None:
    """Errors and alerts say where to look."""
    rooms = [path.read_text() for room in ("include", "plugins") for path in (ROOT / room).rglob("*.py")]
    named = {name for text in rooms for name in re.findall(r"docs/runbook(?:/\w+)?\.md", text)}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("name", ["StoreDown", "ParcelRefused", "OptOutsStale"])
def test_a_page_says_whose_move_it_is_what_to_do_and_which_test_shows_it(name: str) -> None:
    page = pages()[f"{name}.md"]
    for part in ("**Whose move:**", "**Do:**", "## Lines it may say", "## Rehearsed by\n\n- ["):
        assert part in page
