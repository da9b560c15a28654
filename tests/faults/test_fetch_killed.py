"""gp-source release over SFTP, really killed while it fetches and after, and run again until it ends by itself."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from support import sshd
from support.emis_files import PRACTICE, a_patient, an_observation
from support.sftp_world import World

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.skipif(not sshd.is_installed(), reason="needs the Debian package openssh-server"),
]
COMMAND = [str(Path(sys.executable).parent / "gp-source"), "release", "--collection", "gpdpr", "--practice", PRACTICE]
NIGHTS = ("20260902010000", "20260903010000")
ENTRIES = 20_000


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with sshd.running(tmp_path / "sshd") as server:
        world = World(tmp_path / "once", server)
        for stamp in NIGHTS:
            entries = [an_observation("p", f"{stamp}-{number}") for number in range(ENTRIES)]
            world.deliver(stamp, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries})
        yield world


def environment_of(world: World, root: Path) -> dict[str, str]:
    settings = world.zone.settings
    folders = {
        "GP_SOURCE_KEYS_DIR": settings.keys,
        "GP_POLICY_DIR": settings.policy_folder,
        "GP_SOURCE_WORK_DIR": root / "spool",
        "GP_SOURCE_STATE_DIR": root / "memory",
        "GP_INCOMING_DIR": root / "incoming",
        "GP_OUTBOX_DIR": root / "outbox",
    }
    return {**os.environ, **{name: str(folder) for name, folder in folders.items()}}


def ended(world: World, root: Path) -> str:
    ran = subprocess.run(
        COMMAND, env=environment_of(world, root), capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return str(json.loads(ran.stdout)["state"])


def test_whenever_it_is_killed_every_delivery_is_fetched_and_leaves_once(world: World, tmp_path: Path) -> None:
    begun = time.monotonic()
    assert ended(world, tmp_path / "twin") == "released"
    usual = time.monotonic() - begun

    killed, landing = 0, tmp_path / "twice" / "memory" / ".landing" / "gpdpr" / PRACTICE
    for part in range(12):
        running = subprocess.Popen(
            COMMAND,
            env=environment_of(world, tmp_path / "twice"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            running.wait(usual * (0.3 + 0.7 * part / 12))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            killed += running.wait(30) == -signal.SIGKILL
    assert killed
    ended(world, tmp_path / "twice")

    folders = [path for path in (tmp_path / "twice" / "outbox").iterdir() if not path.name.startswith(".")]
    manifests = sorted(
        (read_manifest(read_manifest_bytes(path)[0]) for path in folders), key=lambda each: each.sequence
    )
    assert [each.extract_id for each in manifests] == list(NIGHTS)
    assert [each.counts["tables"]["observation"]["sent"] for each in manifests] == [ENTRIES, ENTRIES]
    assert [path.name for path in landing.glob("[!.]*")] == [], "what has left is not kept"
    assert ended(world, tmp_path / "twice") == "already"
