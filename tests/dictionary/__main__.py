"""Writes both pages: `make pages`."""

from dictionary import gdppr_page, page

page.PAGE.write_text(page.page())
gdppr_page.PAGE.write_text(gdppr_page.page_as_it_should_be())
