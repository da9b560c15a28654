"""Our pages in the Airflow UI: where they are, and what the navigation calls them.

Airflow imports this file in every process it starts. The pages themselves, and the zone they read, are imported by the
first request, so only in the API server.
"""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/gp-collect"
# Path under the prefix, and name, in the order of our own navigation and of Airflow's. Pages without a line are reached by links.
NAMED = {
    "night": "The night",
    "decisions": "Decisions",
    "quality": "Quality of records",
    "register": "Register of data uses",
    "lineage": "Lineage of the store",
}

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@cache
def _pages() -> Any:
    from gp_collect_pages.app import pages

    return pages()


async def opened_when_asked_for(scope: Any, receive: Receive, send: Send) -> None:
    """The application of the pages."""
    await _pages()(scope, receive, send)


def _view(path: str, name: str) -> dict[str, str]:
    return {
        "name": name,
        "href": f"{PREFIX}/{path}",
        "destination": "nav",
        "category": "browse",
        "url_route": f"gp-collect-{path}",
    }


class GPCollectPlugin(AirflowPlugin):
    """What Airflow asks a plugin for."""

    name = "gp_collect"
    fastapi_apps = [{"app": opened_when_asked_for, "url_prefix": PREFIX, "name": "GP Collect"}]  # noqa: RUF012  (Airflow's own way)
    external_views = [_view(path, name) for path, name in NAMED.items()]  # noqa: RUF012  (as above)
