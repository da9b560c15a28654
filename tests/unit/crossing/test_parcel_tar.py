"""A parcel packed into a tar comes out as it went in, and nothing else comes out at all."""

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossing.parcel import MANIFEST_NAME, SECOND_SIGNATURE_NAME, SIGNATURE_NAME
from crossing.parcel_tar import ParcelTar, TarRefused, unpack

FILES = {MANIFEST_NAME: b"{}", SIGNATURE_NAME: b"s" * 64, "part-00000.hpke": b"a" * 1000, "part-00001.hpke": b""}


def a_parcel(folder: Path, files: dict[str, bytes] | None = None) -> Path:
    folder.mkdir()
    for name, content in (files or FILES).items():
        (folder / name).write_bytes(content)
    return folder


def packed(folder: Path) -> bytes:
    tar = ParcelTar.of(folder)
    return tar.read(0, tar.size)


def unpacked(content: bytes, root: Path) -> dict[str, bytes]:
    (root / "message").write_bytes(content)
    (root / "back").mkdir()
    unpack(root / "message", root / "back")
    return {path.name: path.read_bytes() for path in (root / "back").iterdir()}


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    content = packed(a_parcel(tmp_path / "parcel"))
    assert unpacked(content, tmp_path) == FILES


def test_a_second_signature_travels_where_there_is_one(tmp_path: Path) -> None:
    files = FILES | {SECOND_SIGNATURE_NAME: b"q" * 3309}
    content = packed(a_parcel(tmp_path / "parcel", files))
    assert unpacked(content, tmp_path) == files
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.getnames()[:4] == [MANIFEST_NAME, SIGNATURE_NAME, SECOND_SIGNATURE_NAME, "part-00000.hpke"]


def test_any_tar_program_can_read_it(tmp_path: Path) -> None:
    content = packed(a_parcel(tmp_path / "parcel"))
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        assert tar.getnames() == list(FILES)


def test_it_is_the_same_bytes_every_time_and_in_any_pieces(tmp_path: Path) -> None:
    one, two = a_parcel(tmp_path / "one"), a_parcel(tmp_path / "two")
    tar = ParcelTar.of(one)
    assert packed(one) == packed(two)
    assert b"".join(tar.read(start, 700) for start in range(0, tar.size, 700)) == packed(one)
    assert ParcelTar.of(one).sha256() == ParcelTar.of(two).sha256()


def a_tar(*members: tuple[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.fault(
    "F31",
    injected="a tar with ../, absolute names, a link, a pipe, a name twice",
    happened="refused; nothing is written outside",
)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        a_tar(("../../etc/cron.d/x", b"x")),
        a_tar(("/manifest.json", b"{}")),
        a_tar((MANIFEST_NAME, b"{}")),
        a_tar((SIGNATURE_NAME, b"s"), (MANIFEST_NAME, b"{}")),
        a_tar((MANIFEST_NAME, b"{}"), (SIGNATURE_NAME, b"s"), ("part-00001.hpke", b"x")),
        a_tar((MANIFEST_NAME, b"{}"), (SECOND_SIGNATURE_NAME, b"s")),
        a_tar((MANIFEST_NAME, b"{}"), (SIGNATURE_NAME, b"s"), (SECOND_SIGNATURE_NAME, b"s" * 4097)),
        a_tar((MANIFEST_NAME, b"{}"), (SIGNATURE_NAME, b"s"), *[(SECOND_SIGNATURE_NAME, b"s")] * 2),
        a_tar((MANIFEST_NAME, b"{}"), (SIGNATURE_NAME, b"s"), ("part-00000.hpke", b""), (SECOND_SIGNATURE_NAME, b"s")),
        a_tar((MANIFEST_NAME, b"{}"), (MANIFEST_NAME, b"{}")),
        a_tar((MANIFEST_NAME, b"x" * 1_000_001)),
        a_tar((MANIFEST_NAME, b""), kind=tarfile.SYMTYPE),
        a_tar((MANIFEST_NAME, b""), kind=tarfile.FIFOTYPE),
    ],
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(TarRefused):
        unpacked(content, tmp_path)
    assert {path.name for path in (tmp_path / "back").iterdir()} <= {*FILES, SECOND_SIGNATURE_NAME}


@pytest.mark.fault(
    "F17",
    injected="the tar that carries a parcel over MESH is cut, or goes on",
    happened="refused, nothing is unpacked into the inbox",
)
def test_one_cut_off_anywhere_or_with_more_behind_it_is_refused(tmp_path: Path) -> None:
    content = packed(a_parcel(tmp_path / "parcel"))
    for number, cut in enumerate((content[:100], content[:-1], content[: len(content) // 2], content + b"\0")):
        (tmp_path / str(number)).mkdir()
        with pytest.raises(TarRefused):
            unpacked(cut, tmp_path / str(number))


@given(content=st.binary(max_size=3000))
def test_bytes_of_any_kind_are_refused_quietly(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(TarRefused):
        unpacked(content, tmp_path_factory.mktemp("any"))
