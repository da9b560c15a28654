"""The commands that use MESH, killed at each of their named points; run again, the parcel arrives once."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from crossing import faultpoint
from crossing.fault_names import MESH
from crossing.parcel import part_name
from faults.test_mesh_killed import FETCH, SEND, central, ended, source
from support import mesh_server
from support.mesh_both_ends import BothEnds
from support.mesh_server import Sandbox

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"),
]
MORE_THAN_A_CHUNK = 7_000_000


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with mesh_server.running(tmp_path_factory.mktemp("mesh")) as running:
        yield running


def a_large_parcel(ends: BothEnds) -> str:
    """In two chunks of the smallest size that MESH allows: what a carrier carries is bytes to it."""
    connections = ends.policy / "connections.toml"
    connections.write_text(connections.read_text().replace("chunk_megabytes = 20", "chunk_megabytes = 6"))
    parcel = ends.seal()
    (ends.settings.outbox / parcel / part_name(1)).write_bytes(os.urandom(MORE_THAN_A_CHUNK))
    return parcel


def is_killed(command: list[str], environment: Mapping[str, str], point: str, proof: Path) -> bool:
    asked = {faultpoint.ALIVE: str(proof), faultpoint.WHICH: f"{point}:1:kill"}
    ran = subprocess.run(command, env={**environment, **asked}, capture_output=True, check=False, timeout=60)
    return ran.returncode == -signal.SIGKILL


@pytest.mark.parametrize("point", MESH)
def test_killed_there_and_run_again_the_parcel_arrives_once(tmp_path: Path, mesh: Sandbox, point: str) -> None:
    mesh.reset()
    ends = BothEnds(tmp_path / "ends", mesh, unclear_seconds=1)
    parcel = a_large_parcel(ends)
    proof = tmp_path / "proof"
    proof.write_text(faultpoint.PROOF)
    killed = is_killed(SEND, source(ends), point, proof) if point.startswith("send") else False
    assert ended(SEND, source(ends)) == {"carrier": "mesh", "sent": 1}
    assert len(ends.waiting) == 1, "not twice"
    if point.startswith("fetch"):
        killed = is_killed(FETCH, central(ends), point, proof)
    ended(FETCH, central(ends))
    assert ends.is_whole(parcel)
    killed |= is_killed(SEND, source(ends), point, proof) if point == "send.parts_destroyed" else False
    assert ended(SEND, source(ends)) == {"carrier": "mesh", "delivered": 1}
    assert killed, f"{point} was not reached"
    assert (ends.waiting, ends.arrived) == ([], [parcel])
    assert [path.name for path in ends.inbox.iterdir()] == [parcel]
