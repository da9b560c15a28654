"""What several of these tests share: one MESH sandbox a module, emptied before each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import mesh_server
from support.mesh_server import Sandbox
from support.mesh_world import World


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with mesh_server.running(tmp_path_factory.mktemp("mesh")) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(mesh: Sandbox) -> Sandbox:
    mesh.reset()
    return mesh


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> World:
    return World(tmp_path, sandbox)
