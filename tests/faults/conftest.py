"""What several of these tests share: a server, processes that start at once, and the nights that are copied for each trial."""

from collections.abc import Iterator

import pytest

from support.forked import ForkServer
from support.postgres import Postgres, a_server
from support.trials import Trials


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
