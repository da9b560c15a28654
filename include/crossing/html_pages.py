"""Pages for people, in both zones: one plain style, everything escaped, nothing loaded from elsewhere, no script."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_SHARED = Path(__file__).parent / "pages"


def rendered(folder: Path, name: str, contents: dict[str, Any]) -> bytes:
    """The template of that name in `folder`, filled in. A value that is not there is an error, never a gap."""
    pages = Environment(
        loader=FileSystemLoader([folder, _SHARED]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters["instant"] = instant_in_words
    pages.filters["day"] = day_in_words
    pages.filters["in_words"] = lambda name: name.replace("_", " ")
    return pages.get_template(name).render(contents).encode()


def instant_in_words(instant: str | None) -> str:
    """`2026-09-02T01:30:00+00:00` -> `2 September 2026, 01:30 UTC`."""
    if instant is None:
        return "never"
    at = datetime.fromisoformat(instant)
    return f"{at.day} {at:%B %Y, %H:%M %Z}"


def day_in_words(day: str) -> str:
    on = date.fromisoformat(day)
    return f"{on.day} {on:%B %Y}"
