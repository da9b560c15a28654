"""Keys that are refused, spools that open only for their run, memories that are never silently forgotten."""

import hashlib
import hmac
import os
from pathlib import Path

import pyarrow as pa
import pytest

from crossing.errors import PersonMustAct
from crossing.key_files import KeyRefused, read_key_file
from source_zone import spool
from source_zone.keys import LOCAL_ID, NHS_NUMBER, load_keys
from source_zone.make_development_keys import make_development_keys
from source_zone.memory import Memory, MemoryFile, MemoryUnreadable, PracticeBusy
from source_zone.pseudonymise import pseudonymise
from source_zone.spool import SpoolMissing

COLUMN = pa.table({"record_id": ["9990548609"]})


@pytest.fixture
def keys_folder(tmp_path: Path) -> Path:
    make_development_keys(tmp_path / "keys", ["gpdpr"])
    return tmp_path / "keys" / "source"


def test_every_development_key_is_for_its_owner_only(keys_folder: Path) -> None:
    modes = {oct(path.stat().st_mode & 0o777) for path in keys_folder.parent.rglob("*") if path.is_file()}
    assert modes == {"0o400"}


def test_keys_are_never_made_twice(keys_folder: Path) -> None:
    with pytest.raises(KeyRefused, match="never replaced"):
        make_development_keys(keys_folder.parent, ["gpdpr"])


@pytest.mark.parametrize("name", ["token-gpdpr-v1.key", "signing-v1.key", "recipient-v1.pub", "memory-v1.key"])
def test_a_missing_key_is_an_error_and_is_not_made(keys_folder: Path, name: str) -> None:
    (keys_folder / name).unlink()
    with pytest.raises(KeyRefused, match=name):
        load_keys(keys_folder, "gpdpr", 1)
    assert not (keys_folder / name).exists()


def loosen(path: Path) -> None:
    path.chmod(0o440)


def shorten(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(b"short")
    path.chmod(0o400)


def zero(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(bytes(32))
    path.chmod(0o400)


def link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


@pytest.mark.parametrize("spoil", [loosen, shorten, zero, link])
def test_a_loose_short_empty_or_linked_key_is_refused(keys_folder: Path, spoil) -> None:
    key = keys_folder / "token-gpdpr-v1.key"
    spoil(key)
    with pytest.raises(KeyRefused):
        read_key_file(key, expected_bytes=32)


def hkdf(root: bytes, info: bytes) -> bytes:
    """RFC 5869 in two lines, to check the library's labels against."""
    extracted = hmac.digest(bytes(32), root, hashlib.sha256)
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)


def test_tokens_are_what_the_published_rule_says(keys_folder: Path) -> None:
    import polars as pl

    root = (keys_folder / "token-gpdpr-v1.key").read_bytes()
    local, person = (
        hkdf(root, f"gp-collect|1|gpdpr|{name}|v1".encode()).hex().encode() for name in (LOCAL_ID, NHS_NUMBER)
    )
    row = {"record_id": "{ab-1}", "registration_id": "AB-1", "is_deleted": False, "nhs_number": "999 054 8609"}
    absent = dict.fromkeys(
        (
            "sex",
            "year_of_birth",
            "year_of_death",
            "month_of_death",
            "registered_date",
            "registration_end_date",
            "registration_type",
            "lsoa_code",
            "imd_decile",
        )
    )
    made = pseudonymise(
        "patient", pl.DataFrame([{**row, **absent}]), "Y99001", load_keys(keys_folder, "gpdpr", 1)
    ).to_pylist()[0]
    assert made["record_token"] == hmac.digest(local, b"local_id\0Y99001\0AB-1", "sha256")[:16]
    assert made["registration_token"] == made["record_token"]
    assert made["patient_token"] == hmac.digest(person, b"nhs_number\x009990548609", "sha256")[:16]


@pytest.mark.fault(
    "F05", injected="somebody reads what a run left", happened="unreadable: it is encrypted under the run's key"
)
def test_a_spool_is_unreadable_without_its_runs_key(tmp_path: Path) -> None:
    mine = spool.open_new(tmp_path, "Y99001", "run one")
    mine.write_table("patient", COLUMN)
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*.spool"))
    assert b"9990548609" not in content
    with pytest.raises(SpoolMissing):
        spool.Spool(mine.folder, os.urandom(32)).read_table("patient")


def test_one_spooled_table_cannot_pass_for_another(tmp_path: Path) -> None:
    mine = spool.open_new(tmp_path, "Y99001", "run one")
    mine.write_table("patient", COLUMN)
    (mine.folder / "patient.spool").rename(mine.folder / "roster.spool")
    with pytest.raises(SpoolMissing):
        mine.read_table("roster")


@pytest.mark.fault(
    "F05", injected="a run ends without its `shred`", happened="the next run's first act destroys its key and its spool"
)
def test_what_a_killed_run_left_is_shredded_by_the_next(tmp_path: Path) -> None:
    killed = spool.open_new(tmp_path, "Y99001", "killed")
    killed.write_table("patient", COLUMN)
    spool.open_new(tmp_path, "Y99001", "next")
    assert not killed.folder.exists()
    with pytest.raises(SpoolMissing):
        spool.open_existing(tmp_path, "Y99001", "killed")


def kept(file: MemoryFile, memory: Memory) -> None:
    file.prepare(memory)
    file.commit()


@pytest.mark.parametrize("content", [b"", b"short", bytes(100)])
def test_a_damaged_memory_stops_the_practice(tmp_path: Path, content: bytes) -> None:
    file = MemoryFile(tmp_path / "gpdpr" / "Y99001", os.urandom(32))
    kept(file, Memory(1))
    (file.folder / "memory.sealed").write_bytes(content)
    with pytest.raises(MemoryUnreadable):
        file.read()


def test_a_memory_comes_back_as_it_was_and_is_sealed_at_rest(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "gpdpr" / "Y99001", os.urandom(32))
    kept(file, Memory(3, "ab", {"20260902010000": "f"}, tables={"patients": COLUMN}))
    assert b"9990548609" not in (file.folder / "memory.sealed").read_bytes()
    again = file.read()
    assert (again.sequence, again.taken_extracts) == (3, {"20260902010000": "f"})
    assert again.tables["patients"].equals(COLUMN)


def test_a_memory_that_does_not_open_stops_the_practice_rather_than_forget(tmp_path: Path) -> None:
    folder = tmp_path / "gpdpr" / "Y99001"
    kept(MemoryFile(folder, os.urandom(32)), Memory(1))
    with pytest.raises(MemoryUnreadable):
        MemoryFile(folder, os.urandom(32)).read()


def test_one_practices_memory_is_not_anothers(tmp_path: Path) -> None:
    key = os.urandom(32)
    kept(MemoryFile(tmp_path / "gpdpr" / "Y99001", key), Memory(1))
    (tmp_path / "gpdpr" / "Y99001").rename(tmp_path / "gpdpr" / "Y99002")
    with pytest.raises(PersonMustAct):
        MemoryFile(tmp_path / "gpdpr" / "Y99002", key).read()


def test_two_runs_cannot_move_one_practice_on(tmp_path: Path) -> None:
    file = MemoryFile(tmp_path / "gpdpr" / "Y99001", os.urandom(32))
    with file.lock(), pytest.raises(PracticeBusy), file.lock():
        pass
