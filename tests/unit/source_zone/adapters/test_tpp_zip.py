"""An extract of TPP in a zip: the same rows as in a folder, and nothing believed for being zipped."""

import zipfile
from pathlib import Path

import pytest

from source_zone.adapters.reading import FileRefused
from support.tpp_files import STAMP, a_code, a_patient, read, together, write_extract

SECRET = "Snibbletwitch"
ROWS = together(a_patient(Surname=SECRET, FirstName="Zoë"), {"SRCode": [a_code(n, CTV3Text=SECRET) for n in range(50)]})


def zipped(folder: Path, into: Path, **changed: bytes) -> Path:
    """The extract of a folder as a zip; some members with other bytes."""
    into.mkdir()
    path = into / f"{STAMP}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in sorted((folder / STAMP).iterdir()):
            archive.writestr(each.name, changed.get(each.stem, each.read_bytes()))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_extract(tmp_path / "folder", ROWS)
    return tmp_path / "folder"


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "zips"


def refusal(into: Path) -> str:
    with pytest.raises(FileRefused) as refused:
        read(into)
    assert SECRET not in str(refused.value)
    return str(refused.value)


def test_a_zip_gives_the_rows_of_the_folder(folder: Path, into: Path) -> None:
    zipped(folder, into)
    assert read(into)[0] == read(folder)[0]


def test_a_zip_that_was_cut_off_stops_the_practice(folder: Path, into: Path) -> None:
    path = zipped(folder, into)
    path.write_bytes(path.read_bytes()[:-30])
    assert "no whole zip" in refusal(into)


def test_a_zip_that_was_changed_stops_the_practice(folder: Path, into: Path) -> None:
    path = zipped(folder, into)
    with zipfile.ZipFile(path) as archive:
        place = archive.getinfo("SRCode.csv").header_offset + 200
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)
    assert "SRCode" in refusal(into)


@pytest.mark.parametrize("cut", [lambda data: data[:-40], lambda data: b""], ids=["cut", "empty"])
def test_a_file_that_was_cut_off_before_it_was_zipped_stops_the_practice(folder: Path, into: Path, cut) -> None:  # type: ignore[no-untyped-def]
    zipped(folder, into, SRCode=cut((folder / STAMP / "SRCode.csv").read_bytes()))
    assert "SRCode" in refusal(into)


@pytest.mark.fault(
    "F31",
    injected="a zip with ../, absolute and made-up names",
    happened="the practice stops; the name is not repeated",
)
@pytest.mark.parametrize(
    "name", ["../SRCode.csv", "/etc/SRCode.csv", f"{SECRET}.csv", "folder/SRCode.csv", "SRCode.csv/"]
)
def test_a_member_of_another_name_stops_the_practice(folder: Path, into: Path, name: str) -> None:
    with zipfile.ZipFile(zipped(folder, into), "a") as archive:
        archive.writestr(name, "x\n")
    assert "not named as TPP names its tables" in refusal(into)


@pytest.mark.fault(
    "F30",
    injected="a zip whose member unpacks to far more than it is",
    happened="the practice stops before any of it is unpacked",
)
def test_a_member_that_unpacks_to_far_too_much_stops_the_practice(folder: Path, into: Path) -> None:
    with zipfile.ZipFile(zipped(folder, into), "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("SRLetter.csv", b"\n" * (64 << 20))
    assert "Nothing of it is unpacked" in refusal(into)


def test_a_member_that_comes_twice_stops_the_practice(folder: Path, into: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(zipped(folder, into), "a") as archive:
        archive.writestr("SRCode.csv", "x\n")
    assert "comes twice" in refusal(into)


def test_a_folder_and_a_zip_of_one_moment_stop_the_practice(folder: Path, into: Path) -> None:
    zipped(folder, into)
    write_extract(into, {})
    assert "two" in refusal(into)


@pytest.mark.parametrize("name", [f"{STAMP}.zip", "20260903_0100"])
def test_what_calls_itself_a_zip_must_be_one_and_a_folder_a_folder(tmp_path: Path, name: str) -> None:
    if name.endswith(".zip"):
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_text("x")
    assert "not an extract of TPP" in refusal(tmp_path)
