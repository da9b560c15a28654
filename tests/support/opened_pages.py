"""Asks our pages in process, as whoever a test says: signed in with the permission, or somebody whom Airflow refuses."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from gp_collect_pages.access import CHECKS
from gp_collect_pages.app import pages

UNDER = "/gp-collect"


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser. `handed` replaces dependencies of the pages: gp_collect_pages.reading.settings, now, ..."""

    app: FastAPI = field(default_factory=pages)

    def allowed(self) -> "Visitor":
        """Whatever any of our checks asks for, this visitor has."""
        return self.handed({check: lambda: None for check in CHECKS})

    def handed(self, dependencies: Mapping[Callable[..., Any], Callable[..., Any]]) -> "Visitor":
        self.app.dependency_overrides.update(dependencies)
        return self

    def opens(self, path: str, **parameters: Any) -> httpx.Response:
        return self.asks("GET", path, params=parameters)

    def asks(self, method: str, path: str, **how: Any) -> httpx.Response:
        """As under Airflow: the application is mounted, so that links begin with its prefix."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, root_path=UNDER, raise_app_exceptions=True)
            async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
                return await client.request(method, UNDER + path, **how)

        return asyncio.run(ask())
