"""docs/formats.md says of every format what the tests prove."""

from journey.cannot_carry import CANNOT_CARRY
from journey.write_formats_page import PAGE, page_as_it_should_be
from simulator.formats import formats
from source_zone.adapters.choose import FORMATS


def test_the_page_says_what_the_table_says() -> None:
    how = "the page is made anew by: PYTHONPATH=include:tests python -m journey.write_formats_page"
    assert PAGE.read_text() == page_as_it_should_be(), how


def test_every_entry_has_a_reason_and_none_stands_twice() -> None:
    assert all(entry.why.endswith(".") for entry in CANNOT_CARRY)
    assert len({(entry.format, entry.what) for entry in CANNOT_CARRY}) == len(CANNOT_CARRY)


def test_every_format_is_on_the_page() -> None:
    page = PAGE.read_text()
    assert [name for name in {*formats(), *FORMATS} if f"| `{name}` |" not in page] == []
