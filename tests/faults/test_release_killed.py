"""gp-source release, really killed at moments spread over its run, and run again until it ends by itself."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crossing.manifest import Manifest, read_manifest
from crossing.parcel import read_manifest_bytes
from support.emis_files import a_patient, an_observation, write_extract
from support.source_zone import SourceZone, make_source_zone

pytestmark = pytest.mark.rehearsal

COMMAND = [str(Path(sys.executable).parent / "gp-source"), "release", "--collection", "gpdpr", "--practice", "Y99001"]
NIGHTS = ("20260902010000", "20260903010000")
ENTRIES = 3_000


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    zone = make_source_zone(tmp_path)
    for stamp in NIGHTS:
        entries = [an_observation("p", f"{stamp}-{number}") for number in range(ENTRIES)]
        write_extract(zone.deliveries, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries}, stamp)
    return zone


def environment_of(zone: SourceZone) -> dict[str, str]:
    folders = {
        "GP_SOURCE_KEYS_DIR": zone.settings.keys,
        "GP_SOURCE_WORK_DIR": zone.settings.spool,
        "GP_SOURCE_STATE_DIR": zone.settings.memory,
        "GP_INCOMING_DIR": zone.settings.incoming,
        "GP_OUTBOX_DIR": zone.settings.outbox,
    }
    return {**os.environ, **{name: str(folder) for name, folder in folders.items()}}


def started(zone: SourceZone) -> subprocess.Popen[bytes]:
    return subprocess.Popen(COMMAND, env=environment_of(zone), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def ended(zone: SourceZone) -> str:
    ran = subprocess.run(COMMAND, env=environment_of(zone), capture_output=True, text=True, check=False, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return str(json.loads(ran.stdout)["state"])


def parcels(zone: SourceZone) -> list[Manifest]:
    folders = [path for path in zone.settings.outbox.iterdir() if not path.name.startswith(".")]
    return sorted((read_manifest(read_manifest_bytes(path)[0]) for path in folders), key=lambda each: each.sequence)


@pytest.mark.fault(
    "F04",
    injected="SIGKILL of `gp-source release` at twelve moments spread over its run",
    happened="each extract leaves once, in order; no draft and no spool is left",
)
def test_whenever_it_is_killed_every_extract_leaves_once_and_in_order(zone: SourceZone) -> None:
    begun = time.monotonic()
    assert ended(make_twin(zone)) == "released"
    usual = time.monotonic() - begun

    killed = 0
    for part in range(12):
        running = started(zone)
        try:
            running.wait(usual * (0.3 + 0.7 * part / 12))
        except subprocess.TimeoutExpired:
            running.send_signal(signal.SIGKILL)
            killed += running.wait(30) == -signal.SIGKILL
    assert killed
    ended(zone)

    first, second = parcels(zone)
    assert [first.sequence, second.sequence] == [1, 2]
    assert [first.extract_id, second.extract_id] == list(NIGHTS)
    assert second.previous_manifest_sha256 == first.sha256()
    assert [each.counts["tables"]["observation"]["sent"] for each in (first, second)] == [ENTRIES, ENTRIES]
    left = {path.name for path in zone.settings.outbox.iterdir()} - {first.parcel_id, second.parcel_id}
    assert left == set()
    assert not list(zone.settings.spool.rglob("*.spool"))
    assert ended(zone) == "already"


def make_twin(zone: SourceZone) -> SourceZone:
    """The same deliveries in a zone of its own, to learn how long an undisturbed release takes."""
    twin = make_source_zone(zone.root / "twin")
    twin.settings.incoming.symlink_to(zone.settings.incoming, target_is_directory=True)
    return twin
