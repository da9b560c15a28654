"""Every page of ours and what Airflow's own interface answers about a night, as those get it who may: kept, to be searched."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from gp_collect_pages.app import pages
from gp_collect_plugin import PREFIX
from support.requests_of_people import signed_in
from support.shown_demonstration import Demonstration

# Of a route with parts that vary, one address; of practices every one. A route of another kind fails here, so that none goes unserved.
_ONE_OF = {
    "/static/{name}": "/static/pages.css",
    "/register/published/{name}": "/register/published/index.html",
    "/quality/rule/{table}/{rule}": "/quality/rule/observation/dated_in_future",
}
# XComs are not among it: none of our roles but the engineer reads them. They are searched in the database.
_OF_AIRFLOW = {
    "steward": (
        "/api/v2/dags/~/dagRuns/~/hitlDetails?limit=100",
        "/api/v2/dags/~/dagRuns?limit=100",
        "/api/v2/dags/~/dagRuns/~/taskInstances?limit=100",
        "/api/v2/assets/events?limit=100",
    ),
    "auditor": ("/api/v2/eventLogs?limit=100&order_by=-when",),
}


def keep_what_is_served(shown: Demonstration, practice_codes: Iterable[str], kept: Path) -> None:
    """A file for each answer. Raises httpx.HTTPStatusError for one that is not a success."""
    ours = [*_of_ours([*practice_codes])]
    for name, paths in _OF_AIRFLOW.items():
        with signed_in(shown, name) as client:
            for number, path in enumerate((*ours, *paths) if name == "steward" else paths):
                answer = client.get(path).raise_for_status()
                (kept / f"{name}-{number:03d}").write_text(f"{path}\n{answer.headers}\n{answer.text}")


def _of_ours(codes: list[str]) -> Iterator[str]:
    for route in pages().routes:
        path = str(getattr(route, "path", ""))
        path = _ONE_OF.get(path, path)
        for code in codes if "{code}" in path else [""]:
            yield PREFIX + path.format(code=code)
