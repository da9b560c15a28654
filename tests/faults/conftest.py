"""What these tests share: a server of their own, which they restart, fill and cut off; processes that start at once; nights to copy."""

from collections.abc import Iterator

import pytest

from integration.central_zone.conftest import CentralZone, zone
from support.forked import ForkServer
from support.postgres import Postgres, a_server
from support.trials import Trials

__all__ = ["CentralZone", "zone"]  # the fixture, on the server below


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture(scope="session")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    server = ForkServer(tmp_path_factory.mktemp("forks") / "said.log")
    yield server
    server.close()


@pytest.fixture(scope="session")
def trials(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, forks: ForkServer) -> Trials:
    lived = Trials(tmp_path_factory.mktemp("trials"), postgres, forks)
    lived.live()
    return lived
