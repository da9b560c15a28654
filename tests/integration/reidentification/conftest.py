"""Three practices' records, loaded and released once a file; every test asks a case of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journey.both_zones import make_both_zones
from support.cases import Cases
from support.postgres import Postgres, a_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Cases:
    world = Cases(make_both_zones(tmp_path_factory.mktemp("cases"), postgres))
    world.night()
    world.release()
    return world


@pytest.fixture
def cases_of_its_own(tmp_path: Path, postgres: Postgres) -> Cases:
    world = Cases(make_both_zones(tmp_path, postgres))
    world.night()
    world.release()
    return world
