"""The national check really killed where it hurts most: MESH has the request, or a list has left, and nobody wrote it down."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_server import Sandbox
from support.national_world import NEIGHBOUR, NUMBERS, NationalWorld

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)
ANNE, BERT, EVE = NUMBERS[:3]
# The command, in a process that kills itself with the signal nobody can catch, once a step is done.
KILLED_AFTER = """
import os, signal, sys
from {module} import {place}
real = {place}.{step}
def killed(*given, **named):
    real(*given, **named)
    os.kill(os.getpid(), signal.SIGKILL)
{place}.{step} = killed
from source_zone.command_line import main
sys.argv = ["gp-source", "national-opt-outs", "--collection", "gpdpr", "{option}"]
sys.exit(main())
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[NationalWorld]:
    with mesh_server.running(tmp_path / "mesh") as sandbox:
        yield a_world(tmp_path / "world", sandbox)


def a_world(root: Path, sandbox: Sandbox) -> NationalWorld:
    world = NationalWorld(root, sandbox)
    world.know({"anne": ANNE, "bert": BERT})
    world.know({"eve": EVE}, NEIGHBOUR)
    world.service.opted_out = {BERT}
    return world


def killed_after(world: NationalWorld, module: str, place: str, step: str, option: str) -> None:
    program = KILLED_AFTER.format(module=module, place=place, step=step, option=option)
    ran = subprocess.run([sys.executable, "-c", program], env=world.environment, capture_output=True, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr.decode()


def test_killed_when_mesh_has_the_request_and_again_when_a_list_has_left(world: NationalWorld) -> None:
    killed_after(world, "crossing.mesh_mailbox", "OpenMailbox", "send_first", "--ask")
    assert world.check.requests[0].state == "meant"
    assert world.ask()["requests"] == {"sent": 1}
    assert len(world.service.answer()) == 1, "one message, though nobody wrote down that it was sent"
    killed_after(world, "source_zone.national_opt_outs", "list_allowed", "publish_notice", "--take")
    assert len(world.notices) == 1
    assert world.take()["state"] == "complete"
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {EVE}}
    assert [len(each) for each in world.notices.values()] == [1, 1]
    assert (world.waiting, world.sealed) == ([], [])
