"""Errors of the centre that nights bring about seldom or never: each is told, and says whose move it is."""

from pathlib import Path
from typing import Any

import pytest

from central_zone.command_line_store import _tell
from central_zone.errors import NotAllTakenYet, StoreWeaker
from central_zone.fetch import AnotherParcelThere, Fetcher
from central_zone.take_notices import check_all_taken
from crossing.parcel import MANIFEST_NAME, SIGNATURE_NAME
from crossing.parcel_tar import ParcelTar
from key_custody.whereabouts.verdict import not_looked_at, ok, wrong

PARCEL = "0197c0de-0000-7000-8000-000000000001"


def test_each_weakness_is_counted_and_the_command_ends_as_somebodys_move() -> None:
    with pytest.raises(StoreWeaker, match="in 2 things"):
        _tell([ok("tls", "as promised"), wrong("pgaudit", "is not loaded"), not_looked_at("pg_hba", "no right")])
    assert _tell([ok("tls", "as promised")]) == 0


def test_notices_that_only_wait_are_tried_again() -> None:
    failed: dict[str, Any] = {"parcel_id": PARCEL, "state": "failed", "a_person_must_act": False, "reason": "StoreDown"}
    with pytest.raises(NotAllTakenYet, match=f"{PARCEL}: StoreDown"):
        check_all_taken([failed])


def test_another_parcel_under_the_same_id_is_not_taken_for_the_first(tmp_path: Path) -> None:
    inbox, work = tmp_path / "inbox", tmp_path / "work"
    inbox.mkdir()
    work.mkdir()
    fetcher = Fetcher(connection=None, opened=None, work=work, inbox=inbox)
    assert fetcher._into_inbox(a_tar(tmp_path / "one", b"one"), PARCEL) == "fetched"
    assert fetcher._into_inbox(a_tar(tmp_path / "again", b"one"), PARCEL) == "already"
    with pytest.raises(AnotherParcelThere, match="Keep the one that the ledger loaded"):
        fetcher._into_inbox(a_tar(tmp_path / "other", b"two"), PARCEL)
    assert (inbox / PARCEL / MANIFEST_NAME).read_bytes() == b"one"
    assert [path.name for path in inbox.iterdir()] == [PARCEL]


def a_tar(folder: Path, content: bytes) -> Path:
    folder.mkdir()
    for name, of_it in {MANIFEST_NAME: content, SIGNATURE_NAME: b"s" * 64, "part-00000.hpke": b"rows"}.items():
        (folder / name).write_bytes(of_it)
    packed, tar = ParcelTar.of(folder), folder.with_suffix(".tar")
    tar.write_bytes(packed.read(0, packed.size))
    return tar
