"""A central zone on a server of these tests' own: they restart it, fill its disk and cut its lines."""

from collections.abc import Iterator

import pytest

from integration.central_zone.conftest import CentralZone, zone
from support.postgres import Postgres, a_server

__all__ = ["CentralZone", "zone"]  # the fixture, on the server below


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server
