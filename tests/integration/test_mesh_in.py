"""Deliveries over MESH, from NHS England's sandbox on loopback to a sealed parcel; broken off, refused and sorted on the way."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from source_zone.release_practice import release_practice
from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_server import Sandbox
from support.mesh_world import World

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with mesh_server.running(tmp_path_factory.mktemp("mesh")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> World:
    return World(tmp_path, sandbox)


def test_a_delivery_becomes_a_parcel_and_only_then_is_acknowledged(world: World) -> None:
    sent = world.deliver()
    world.fetch()
    assert sorted(world.waiting) == sorted(sent), "what is here is not yet away"
    said = release_practice(world.release())
    assert len(said["parcels"]) == 1
    assert world.waiting == []
    assert world.landed == []
    assert list((world.settings.landing / ".mesh" / mesh_server.OURS / PRACTICE).iterdir()) == []
