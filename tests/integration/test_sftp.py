"""Deliveries over SFTP, from a real OpenSSH server on loopback to a sealed parcel; broken off, and told apart, on the way."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest

from crossing.errors import PersonMustAct
from crossing.key_files import KeyRefused
from source_zone.adapters.reading import FileRefused
from source_zone.release_practice import release_practice
from source_zone.transports.connections import ConnectionRefused
from source_zone.transports.landing import NameRefused
from source_zone.transports.sftp import Sftp, SftpDown, SftpRefused
from source_zone.transports.transport import NotReadyYet
from support import sshd
from support.emis_files import a_patient, an_observation
from support.sftp_world import World

pytestmark = pytest.mark.skipif(not sshd.is_installed(), reason="needs the Debian package openssh-server")
ROWS = {"Admin_Patient": [a_patient("anne")], "CareRecord_Observation": [an_observation("anne", "asthma")]}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Server]:
    with sshd.running(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def world(tmp_path: Path, server: sshd.Server) -> World:
    return World(tmp_path, server)


def test_a_delivery_becomes_a_parcel_and_nothing_of_it_stays_here(world: World) -> None:
    files = world.deliver()
    said = release_practice(world.release())
    assert len(said["parcels"]) == 1
    assert world.landed == []
    assert all(path.exists() for path in files.values()), "the supplier's own copy is the supplier's"


def test_what_was_taken_is_not_copied_again_and_the_next_night_is(world: World) -> None:
    world.deliver()
    release_practice(world.release("one"))
    assert release_practice(world.release("two"))["state"] == "already"
    assert world.landed == []
    world.deliver("20260903010000")
    assert len(release_practice(world.release("three"))["parcels"]) == 1


def test_a_quiet_night_is_no_failure(world: World) -> None:
    assert release_practice(world.release())["state"] == "already"


def test_a_copy_that_broke_off_goes_on_where_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    path = world.remote / "292_Admin_Patient_20260902010000_45E7CD20-EE37-41AB-90D6-DC9D4B03D102.csv"
    path.write_bytes(os.urandom(3 * 1024 * 1024))
    transport = world.release().transport
    assert isinstance(transport, Sftp)

    class LineBroke(Exception):
        """Stands for the power going: nothing of ours runs after it."""

    def stop(text: str) -> None:
        if "1,048,576 of" in text:
            raise LineBroke

    with pytest.raises(LineBroke):
        transport.fetch(None, stop)
    assert world.landed == []
    told: list[str] = []
    transport.fetch(None, told.append)
    assert "2,097,152 of" in told[0], "the first block came before the line broke"
    assert (transport.folder / path.name).read_bytes() == path.read_bytes()


def test_a_part_of_another_version_is_never_glued_to_this_one(world: World) -> None:
    path = world.remote / "292_Admin_Patient_20260902010000_45E7CD20-EE37-41AB-90D6-DC9D4B03D102.csv"
    path.write_bytes(b"a" * 2_000_000)
    transport = world.release().transport

    def stop(text: str) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        transport.fetch(None, stop)
    path.write_bytes(b"b" * 2_000_000)
    os.utime(path, (time.time() - 60, time.time() - 60))
    transport.fetch(None, lambda _: None)
    assert set((transport.folder / path.name).read_bytes()) == {ord("b")}


def test_a_files_name_is_never_told(world: World) -> None:
    path = world.remote / "9990548609.json"
    path.write_bytes(b"a" * 2_000_000)
    transport, told = world.release().transport, list[str]()

    def change(text: str) -> None:
        told.append(text)
        path.write_bytes(b"b")

    with pytest.raises(NotReadyYet, match="file 1 of 1 changed") as raised:
        transport.fetch(None, change)
    assert told
    assert "9990548609" not in f"{told}{raised.value}"


def test_a_delivery_still_arriving_is_waited_for(tmp_path: Path, server: sshd.Server) -> None:
    world = World(tmp_path, server, settle_seconds=600)
    world.deliver()
    with pytest.raises(NotReadyYet) as raised:
        release_practice(world.release())
    assert 500 < raised.value.ask_again_at.timestamp() - time.time() < 601
    assert world.landed == []


def test_another_server_in_its_place_is_refused(tmp_path: Path, server: sshd.Server) -> None:
    stranger = paramiko.Ed25519Key.from_private_key_file(str(server.private_key))
    world = World(tmp_path, server, host_key=f"{stranger.get_name()} {stranger.get_base64()}")
    with pytest.raises(SftpRefused, match="host key"):
        release_practice(world.release())


def test_a_key_the_supplier_does_not_know_is_for_a_person(world: World) -> None:
    secret = world.secrets / "id_ed25519"
    secret.unlink()
    shutil.copy(world.server.root / "host_key", secret)
    secret.chmod(0o400)
    with pytest.raises(SftpRefused, match="enrol"):
        release_practice(world.release())


def test_a_key_that_others_can_read_is_refused(world: World) -> None:
    (world.secrets / "id_ed25519").chmod(0o644)
    with pytest.raises(KeyRefused, match="0400"):
        release_practice(world.release())


def test_a_server_that_is_down_is_tried_again(tmp_path: Path, server: sshd.Server) -> None:
    world = World(tmp_path, server, port=1)
    with pytest.raises(SftpDown):
        release_practice(world.release())


def test_a_missing_folder_is_no_empty_night(world: World) -> None:
    shutil.rmtree(world.remote)
    with pytest.raises(SftpRefused, match="no folder"):
        release_practice(world.release())


def test_a_delivery_in_a_folder_of_its_own_is_not_passed_over(world: World) -> None:
    (world.remote / "20260902_0100").mkdir()
    with pytest.raises(SftpRefused, match="something else than files"):
        release_practice(world.release())


def test_a_file_of_a_time_to_come_is_not_waited_for(world: World) -> None:
    for path in world.deliver().values():
        os.utime(path, (time.time() + 86_400, time.time() + 86_400))
    with pytest.raises(SftpRefused, match="a time to come"):
        release_practice(world.release())


@pytest.mark.parametrize("name", ["Anne Smith.csv", "a..b.csv", "-rf.csv"])
def test_a_name_that_is_not_plain_is_refused_and_not_repeated(world: World, name: str) -> None:
    (world.remote / name).write_text("x")
    with pytest.raises(NameRefused) as raised:
        release_practice(world.release())
    assert name not in str(raised.value)


@pytest.mark.parametrize("changed", [{"port": None}, {"password": "x"}, {"transport": "mesh"}])
def test_a_connection_says_neither_more_nor_less_than_it_must(
    tmp_path: Path, server: sshd.Server, changed: dict[str, Any]
) -> None:
    with pytest.raises(ConnectionRefused):
        World(tmp_path, server, **changed).release()


def test_a_removal_that_was_cut_short_is_ended_before_anything_is_looked_at(world: World) -> None:
    """Half of a taken delivery would look like a delivery that changed."""
    files = world.deliver()
    transport = world.release().transport
    transport.fetch(None, lambda _: None)
    assert isinstance(transport, Sftp)
    going = [path.name for path in files.values()]
    transport.landing.note(**{".going": going})
    (transport.folder / going[0]).unlink()
    world.release("the next run")
    assert world.landed == []


def test_every_refusal_is_for_a_person() -> None:
    assert issubclass(SftpRefused, PersonMustAct)
    assert issubclass(NameRefused, PersonMustAct)


def test_a_file_that_blocks_its_practice_is_set_aside_by_hand_and_comes_again_corrected(world: World) -> None:
    """As docs/ways-in.md tells it."""
    files = world.deliver()
    broken = files["CareRecord_Observation"]
    whole = broken.read_bytes()
    broken.write_bytes(whole[:-20])
    with pytest.raises(FileRefused):
        release_practice(world.release("one"))
    (world.release().folder / broken.name).unlink()
    with pytest.raises(FileRefused, match="missing"):
        release_practice(world.release("two"))  # the same file is not brought again
    broken.write_bytes(whole)
    assert len(release_practice(world.release("three"))["parcels"]) == 1


def test_a_delivery_that_comes_again_under_a_new_stamp_has_its_first_set_aside_whole(world: World) -> None:
    broken = world.deliver()["CareRecord_Observation"]
    broken.write_bytes(broken.read_bytes()[:-20])
    with pytest.raises(FileRefused):
        release_practice(world.release("one"))
    for path in world.release().folder.glob("[!.]*"):
        path.unlink()
    assert release_practice(world.release("two"))["state"] == "already"
    world.deliver("20260902020000")
    assert len(release_practice(world.release("three"))["parcels"]) == 1
