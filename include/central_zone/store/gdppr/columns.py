"""What each column of GDPPR is there and here: columns.toml."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("columns.toml")
HERE = "Coded entries laid out as GDPPR had them: docs/gdppr.md says, column by column, what differs."


@cache
def columns() -> Mapping[str, Mapping[str, str]]:
    """In GDPPR's order: what it is `there`, what it is `here`, and what `differs`."""
    return tomllib.loads(FILE.read_text())


def comments_on(view: str, about: str) -> list[str]:
    """The statements that write it into the database; `view` is a name of ours."""
    said = {f"COLUMN {view}.{name}": f"{each['here']} {each['differs']}".strip() for name, each in columns().items()}
    return [f"COMMENT ON {what} IS '{_quoted(text)}'" for what, text in {f"VIEW {view}": about, **said}.items()]


def _quoted(text: str) -> str:
    return text.replace("'", "''")
