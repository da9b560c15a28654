"""docs/faults.md says what the tests show, and each of the forty faults is shown, or says why it cannot be."""

from collections import Counter
from pathlib import Path

import pytest

from faults.forty import CANNOT_BE_INJECTED, FORTY, ONLY_REHEARSED
from faults.write_faults_page import MARK, PAGE, ROOT, page_as_it_should_be, shown_by_tests

SHOWN = shown_by_tests()


def test_the_page_says_what_the_tests_show() -> None:
    assert PAGE.read_text() == page_as_it_should_be(), "the page is made anew by: make pages"


def test_each_fault_is_shown_by_a_test_or_says_why_it_is_not() -> None:
    assert [f"F{number:02}" for number in range(1, 41)] == list(FORTY)
    assert {shown.fault for shown in SHOWN} | set(CANNOT_BE_INJECTED) >= set(FORTY)


def test_a_fault_is_not_shown_by_rehearsals_alone_unless_the_page_says_so() -> None:
    at_every_run = {shown.fault for shown in SHOWN if not shown.rehearsal}
    rehearsed = {shown.fault for shown in SHOWN if shown.rehearsal}
    assert rehearsed - at_every_run == set(ONLY_REHEARSED)


def test_every_mark_that_is_written_is_on_the_page() -> None:
    """A mark on a parameter or a class would be read by nobody."""
    files = (ROOT / "tests").rglob("test_*.py")
    written = Counter({str(path.relative_to(ROOT)): path.read_text().count(f"@{MARK}(") for path in files})
    assert Counter(shown.path for shown in SHOWN) == +written


def test_what_is_said_fits_a_line_of_a_table() -> None:
    said = [words for shown in SHOWN for words in (shown.injected, shown.happened)]
    assert [words for words in said if not words or "|" in words or "\n" in words or len(words) > 200] == []


@pytest.mark.parametrize(
    "mark", ['"F41", injected="x", happened="y"', '"F01", injected="x"', '"F01", "F02", injected="x", happened="y"']
)
def test_a_mark_that_is_not_whole_is_found(tmp_path: Path, mark: str) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(f"import pytest\n@{MARK}({mark})\ndef test_it(): ...\n")
    with pytest.raises(ValueError, match="::test_it"):
        shown_by_tests(tmp_path)
