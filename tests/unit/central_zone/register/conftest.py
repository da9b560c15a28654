"""One PostgreSQL server for these tests, and a fresh store for each."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from central_zone.store.connection import store_of
from support.postgres import Postgres, a_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def store_url(postgres: Postgres) -> str:
    return postgres.a_store()


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    with store_of(store_url) as engine:
        yield engine
