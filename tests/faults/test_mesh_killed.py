"""The commands that use MESH, really killed at moments spread over their run, and run again until they end by themselves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from support import mesh_server
from support.emis_files import PRACTICE, a_patient, an_observation
from support.mesh_both_ends import BothEnds
from support.mesh_server import Sandbox
from support.mesh_world import World

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"),
]
COMMANDS = Path(sys.executable).parent
RELEASE = [str(COMMANDS / "gp-source"), "release", "--collection", "gpdpr", "--practice", PRACTICE]
SEND = [str(COMMANDS / "gp-source"), "send", "--collection", "gpdpr"]
FETCH = [str(COMMANDS / "gp-central"), "fetch"]
NIGHTS = ("20260902010000", "20260903010000")
KILLS = 10
ENTRIES = 5_000


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with mesh_server.running(tmp_path / "mesh") as running:
        yield running


def source(world: World | BothEnds) -> dict[str, str]:
    settings = world.settings
    folders = {
        "GP_SOURCE_KEYS_DIR": settings.keys,
        "GP_POLICY_DIR": settings.policy_folder,
        "GP_SOURCE_WORK_DIR": settings.spool,
        "GP_SOURCE_STATE_DIR": settings.memory,
        "GP_LANDING_DIR": settings.landing,
        "GP_INCOMING_DIR": settings.incoming,
        "GP_OUTBOX_DIR": settings.outbox,
        "GP_OUTBOX_CARRIER": "mesh",
    }
    return {**os.environ, **{name: str(folder) for name, folder in folders.items()}}


def central(ends: BothEnds) -> dict[str, str]:
    folders = {
        "GP_CENTRAL_KEYS_DIR": ends.root / "keys" / "central",
        "GP_POLICY_DIR": ends.policy,
        "GP_CENTRAL_WORK_DIR": ends.root / "central-work",
        "GP_INBOX_DIR": ends.inbox,
        "GP_INBOX_CARRIER": "mesh",
    }
    return {**os.environ, **{name: str(folder) for name, folder in folders.items()}}


def killed_often(command: list[str], environment: Mapping[str, str], usual: float) -> int:
    """Starts it again and again, killed a little later each time; how often it was in fact killed."""
    killed = 0
    for part in range(KILLS):
        running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            running.wait(usual * (0.3 + 0.7 * part / KILLS))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            killed += running.wait(30) == -signal.SIGKILL
    return killed


def ended(command: list[str], environment: Mapping[str, str]) -> dict[str, object]:
    """Until it says something other than "try again", as Airflow would."""
    for _ in range(100):
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        if ran.returncode != 3:
            break
    assert ran.returncode == 0, ran.stderr
    return dict(json.loads(ran.stdout))


def test_whenever_a_release_is_killed_every_delivery_leaves_once(tmp_path: Path, sandbox: Sandbox) -> None:
    world = World(tmp_path / "world", sandbox)
    begun = time.monotonic()
    assert ended(RELEASE, source(world))["state"] == "already"
    nothing = time.monotonic() - begun
    for stamp in NIGHTS:
        entries = [an_observation("p", f"{stamp}-{number}") for number in range(ENTRIES)]
        world.deliver(stamp, rows={"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries})
    assert killed_often(RELEASE, source(world), nothing * 2) > 3
    ended(RELEASE, source(world))
    assert ended(RELEASE, source(world))["state"] == "already"
    manifests = [read_manifest(read_manifest_bytes(world.settings.outbox / each)[0]) for each in world.parcels]
    assert sorted(each.extract_id for each in manifests) == list(NIGHTS)
    assert [each.counts["tables"]["observation"]["sent"] for each in manifests] == [ENTRIES, ENTRIES]
    assert world.waiting == []
    assert world.landed == []
    assert list((world.room / PRACTICE).iterdir()) == []


def test_whenever_a_sending_or_a_fetch_is_killed_every_parcel_arrives_once(tmp_path: Path, sandbox: Sandbox) -> None:
    ends = BothEnds(tmp_path / "ends", sandbox, unclear_seconds=3)
    begun = time.monotonic()
    assert ended(SEND, source(ends)) == {"carrier": "mesh"}
    nothing = time.monotonic() - begun
    parcels = [ends.seal(f"202609{day:02}010000") for day in range(2, 8)]
    assert killed_often(SEND, source(ends), nothing * 1.5)
    assert ended(SEND, source(ends)) == {"carrier": "mesh", "sent": len(parcels)}
    assert len(ends.waiting) == len(parcels), "none twice, none missing"
    assert killed_often(FETCH, central(ends), nothing * 1.5)
    ended(FETCH, central(ends))
    assert ends.waiting == []
    assert ends.arrived == sorted(parcels)
    assert all(ends.is_whole(each) for each in parcels)
    assert ended(SEND, source(ends)) == {"carrier": "mesh", "delivered": len(parcels)}
