"""docs/store-rights.md shows the rights that the store's roles have, no others."""

from rights_page import PAGE, page


def test_the_page_of_rights_is_what_policy_says() -> None:
    assert PAGE.read_text() == page(), "Run `make pages` and commit docs/store-rights.md."
