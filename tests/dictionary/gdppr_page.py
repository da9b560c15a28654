"""The table of docs/gdppr.md, from the layout's columns.toml; the rest of the page is written by hand."""

from pathlib import Path

from central_zone.store.gdppr.columns import columns
from rule_pages.page import table

PAGE = Path(__file__).parents[2] / "docs" / "gdppr.md"
BEGIN = "<!-- made from include/central_zone/store/gdppr/columns.toml: begin -->\n"
END = "<!-- made from include/central_zone/store/gdppr/columns.toml: end -->\n"


def page_as_it_should_be() -> str:
    before, rest = PAGE.read_text().split(BEGIN)
    _, after = rest.split(END)
    rows = [(f"`{name}`", each["there"], each["here"], each["differs"]) for name, each in columns().items()]
    made = table(("column", "in GDPPR", "here", "what code must know"), rows)
    return f"{before}{BEGIN}\n{made}\n\n{END}{after}"
