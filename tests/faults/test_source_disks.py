"""A disk of the source fills: nothing half-done leaves, nothing is told as what it is not, and with room it goes on."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crossing.errors import DiskFull, as_ours
from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from source_zone.release_practice import release_practice
from source_zone.shards import PracticesFailed, decide_shard, pull_shard, seal_shard
from support.emis_files import PRACTICE, a_patient, an_observation, write_extract
from support.pg_control import a_small_disk, leave_room_for
from support.source_zone import SourceZone, make_source_zone

ENTRIES = 3_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with a_small_disk(tmp_path / "disk", 4) as small:
        yield small


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    zone = make_source_zone(tmp_path)
    entries = [an_observation("p", f"o{number}") for number in range(ENTRIES)]
    write_extract(zone.deliveries, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries})
    return zone


def on(disk: Path, zone: SourceZone, *folders: str) -> SourceZone:
    return replace(zone, settings=replace(zone.settings, **{folder: disk / folder for folder in folders}))


def parcels(zone: SourceZone) -> list[Path]:
    """What a carrier would take."""
    return [path for path in zone.settings.outbox.glob("*") if not path.name.startswith(".")]


def check_one_parcel(zone: SourceZone) -> None:
    (parcel,) = parcels(zone)
    manifest = read_manifest(read_manifest_bytes(parcel)[0])
    assert (manifest.sequence, manifest.counts["tables"]["observation"]["sent"]) == (1, ENTRIES)
    assert {path.stat().st_size for path in parcel.glob("part-*")} == {part.ciphertext_bytes for part in manifest.parts}
    assert list(zone.settings.outbox.glob(".draft-*")) == []
    assert not list(zone.settings.spool.rglob("*.spool"))


def fails_for_lack_of_room(zone: SourceZone) -> None:
    with pytest.raises(OSError, match="No space left") as raised:
        release_practice(zone.release())
    assert isinstance(as_ours(raised.value), DiskFull)


@pytest.mark.fault(
    "F09",
    injected="the disk of the spool, of the memory or of the outbox is full (tmpfs of 4 MB, 8 KB free)",
    happened="DiskFull, for a person; no parcel is seen, the spool is shredded; with room the same extract leaves, once",
)
@pytest.mark.parametrize("folder", ["spool", "memory", "outbox"])
def test_a_full_disk_before_the_parcel_leaves(zone: SourceZone, disk: Path, folder: str) -> None:
    zone = on(disk, zone, folder)
    leave_room_for(disk, 8)
    fails_for_lack_of_room(zone)
    assert parcels(zone) == []
    assert not list(zone.settings.spool.rglob("*.spool"))
    (disk / "ballast").unlink()
    assert release_practice(zone.release("with room"))["state"] == "released"
    check_one_parcel(zone)


@pytest.mark.fault(
    "F09",
    injected="the disk is full in the moment between a parcel's leaving and its being noted",
    happened="DiskFull; the next run finds that it has left, notes it, and says already",
)
def test_a_full_disk_just_after_the_parcel_left(zone: SourceZone, disk: Path) -> None:
    zone = on(disk, zone, "landing")
    leave_room_for(disk, 0)
    fails_for_lack_of_room(zone)
    check_one_parcel(zone)
    (disk / "ballast").unlink()
    assert release_practice(zone.release("with room"))["state"] == "already"
    check_one_parcel(zone)
    assert list((disk / "landing").rglob(PRACTICE)), "now it is noted"


@pytest.mark.fault(
    "F09",
    injected="the disk for lineage is full",
    happened="DiskFull is told, and what was done stays done: the parcel left, once",
)
def test_a_full_disk_for_lineage(zone: SourceZone, disk: Path) -> None:
    zone = on(disk, zone, "lineage")
    leave_room_for(disk, 0)
    fails_for_lack_of_room(zone)
    (disk / "ballast").unlink()
    assert release_practice(zone.release("with room"))["state"] in ("already", "released")
    check_one_parcel(zone)


@pytest.mark.fault(
    "F09",
    injected="the disk for logs is full",
    happened="the run goes on as if nothing were: its parcel, its memory and its lineage are there",
)
def test_a_full_disk_for_logs(zone: SourceZone, disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    zone = replace(zone, settings=replace(zone.settings, lineage=zone.root / "lineage"))
    handler = logging.FileHandler(disk / "log")
    logging.getLogger().addHandler(handler)
    try:
        leave_room_for(disk, 0)
        logging.getLogger("source_zone").warning("x" * 10_000)
        assert release_practice(zone.release())["state"] == "released"
    finally:
        logging.getLogger().removeHandler(handler)
        (disk / "ballast").unlink()
        handler.close()
    assert "No space left" in capfd.readouterr().err, "it was indeed full"
    check_one_parcel(zone)
    assert len("".join(path.read_text() for path in (zone.root / "lineage").iterdir()).splitlines()) == 4


@pytest.mark.fault(
    "F09",
    injected="the disk of the memory is full, so that not even a practice's failure can be noted",
    happened="the step goes through all practices of the shard and tells DiskFull of each; with room it goes on where it was",
)
def test_a_failure_that_cannot_be_noted_is_told_all_the_same(zone: SourceZone, disk: Path) -> None:
    zone = on(disk, zone, "memory")
    shard = [PRACTICE, "Y99002"]
    entries = [an_observation("q", f"o{number}") for number in range(ENTRIES)]
    rows = {"Admin_Patient": [a_patient("q")], "CareRecord_Observation": entries}
    write_extract(zone.settings.incoming / "Y99002", rows)
    leave_room_for(disk, 8)
    for step in (pull_shard, decide_shard):
        step("gpdpr", shard, "run", zone.settings)
    with pytest.raises(PracticesFailed, match=r"A disk is full.*Make room.*\|.*A disk is full.*Make room"):
        seal_shard("gpdpr", shard, "run", zone.settings)
    (disk / "ballast").unlink()
    assert [each["state"] for each in seal_shard("gpdpr", shard, "run", zone.settings)] == ["released"] * 2
