"""One Chromium for each file: while it runs, its event loop does, and no other can be run in the same thread."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from support.browsing import a_browser
from support.postgres import Postgres, a_server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with a_browser() as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server
