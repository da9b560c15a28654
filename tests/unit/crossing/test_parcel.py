"""A parcel's files are plain files of the size they may have; anything else in their place is refused at once."""

import os
from pathlib import Path

import pytest

from crossing import parcel
from crossing.manifest import LARGEST_MANIFEST_BYTES
from crossing.parcel import ParcelUnreadable, destroy_parts, read_manifest_bytes, read_part


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "manifest.json").write_bytes(b"{}")
    (tmp_path / "manifest.sig").write_bytes(b"signature")
    return tmp_path


def put(folder: Path, kind: str) -> None:
    path = folder / "manifest.json"
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(folder / "manifest.sig")
    elif kind == "device":
        path.symlink_to("/dev/zero")


def test_plain_files_are_read(folder: Path) -> None:
    assert read_manifest_bytes(folder) == (b"{}", b"signature")


@pytest.mark.fault(
    "F31", injected="the manifest is a folder, a pipe, a link or a device", happened="refused at once, without waiting"
)
@pytest.mark.timeout(10)  # opening a pipe that nobody writes to would wait for ever
@pytest.mark.parametrize("kind", ["directory", "pipe", "link", "device", "nothing"])
def test_anything_but_a_plain_file_is_unreadable(folder: Path, kind: str) -> None:
    put(folder, kind)
    with pytest.raises(ParcelUnreadable, match=r"manifest\.json"):
        read_manifest_bytes(folder)


def test_a_folder_that_is_a_file_is_unreadable(folder: Path) -> None:
    with pytest.raises(ParcelUnreadable):
        read_manifest_bytes(folder / "manifest.json")


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    with (folder / "manifest.json").open("wb") as file:
        file.truncate(LARGEST_MANIFEST_BYTES + 1)
    with pytest.raises(ParcelUnreadable, match="larger than"):
        read_manifest_bytes(folder)


def test_a_part_is_as_large_as_the_manifest_says(folder: Path) -> None:
    (folder / parcel.part_name(0)).write_bytes(b"12345")
    assert read_part(folder, parcel.part_name(0), 5) == b"12345"
    with pytest.raises(ParcelUnreadable, match="5 bytes, but the manifest says 6"):
        read_part(folder, parcel.part_name(0), 6)


def test_parts_are_destroyed_and_what_proves_that_they_were_there_stays(tmp_path: Path) -> None:
    for name in ("manifest.json", "manifest.sig", "part-00000.hpke", "part-00001.hpke"):
        (tmp_path / name).write_bytes(b"x")
    assert (destroy_parts(tmp_path), destroy_parts(tmp_path)) == (2, 0)
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "manifest.sig"}
