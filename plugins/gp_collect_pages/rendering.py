"""Makes a page of a template and its contents. Everything is escaped; a value that is not there is an error, never a gap."""

from datetime import UTC
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crossing.html_pages import day_in_words, instant_in_words
from gp_collect_plugin import NAMED, PREFIX

_TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["instant"] = instant_in_words
    made.filters["moment"] = lambda at: instant_in_words(at.astimezone(UTC).isoformat()) if at else "not yet"
    made.filters["short_moment"] = lambda at: (
        f"{at.astimezone(UTC):%-d\N{NO-BREAK SPACE}%b\N{NO-BREAK SPACE}%Y, %H:%M}" if at else "not yet"
    )
    made.filters["day"] = day_in_words
    made.filters["in_words"] = lambda name: name.replace("_", " ")
    made.filters["number"] = lambda number: f"{number:,}"
    return made


def page(request: Request, template: str, *, title: str, status: int = 200, **contents: Any) -> HTMLResponse:
    """The page of that template. `home` in it is where our pages begin, `airflow` where Airflow's do."""
    home = str(request.scope.get("root_path", ""))
    given = {
        "title": title,
        "home": home,
        "airflow": home.removesuffix(PREFIX),
        "navigation": NAMED,
        "here": request.url.path.rpartition(f"{PREFIX}/")[2].partition("/")[0],
    }
    return HTMLResponse(_environment().get_template(template).render(given | contents), status_code=status)
