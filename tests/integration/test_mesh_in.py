"""Deliveries over MESH, from NHS England's sandbox on loopback to a sealed parcel; sorted, checked and acknowledged."""

import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crossing import mesh_mailbox
from crossing.connections import ConnectionRefused
from crossing.errors import PersonMustAct
from crossing.key_files import KeyRefused
from crossing.mesh_answers import MeshDown, MeshRefused, MessageGone
from crossing.mesh_envelope import ChecksumDiffers, MessageRefused
from source_zone import mailboxes
from source_zone.mailboxes import MailboxNeedsAPerson, MessageUnknown
from source_zone.release_practice import release_practice
from source_zone.transports.landing import Landing
from source_zone.transports.mesh import Mesh
from source_zone.transports.mesh_sorting import NameTaken
from source_zone.transports.transport import NotReadyYet
from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_server import OURS, Sandbox
from support.mesh_world import NEIGHBOUR, World, a_name, write_secrets

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)


def test_a_delivery_becomes_a_parcel_and_only_then_is_acknowledged(world: World) -> None:
    sent = world.deliver()
    world.fetch()
    assert sorted(world.waiting) == sorted(sent), "what is here is not yet away"
    said = release_practice(world.release())
    assert len(said["parcels"]) == 1
    assert world.waiting == []
    assert world.landed == []
    assert list((world.room / PRACTICE).iterdir()) == []


def test_the_next_night_is_taken_and_the_last_is_not_taken_again(world: World) -> None:
    world.deliver()
    release_practice(world.release("one"))
    assert release_practice(world.release("two"))["state"] == "already"
    world.deliver("20260903010000")
    assert len(release_practice(world.release("three"))["parcels"]) == 1
    assert len(world.parcels) == 2


def test_a_message_of_many_chunks_arrives_byte_for_byte(world: World) -> None:
    content = os.urandom(3_500_000)
    world.send(a_name(), content, max_chunk_size="1000000")
    world.fetch()
    assert (world.folder / a_name()).read_bytes() == content
    assert [world.sandbox.count("GET", f"/{number}") for number in (2, 3, 4)] == [1, 1, 1]


@pytest.mark.fault(
    "F36",
    injected="the line is cut in the third chunk of four",
    happened="nothing is taken; the next fetch goes on with that chunk",
)
def test_a_message_that_broke_off_goes_on_with_the_chunk_it_broke_in(world: World) -> None:
    content = os.urandom(3_500_000)
    world.send(a_name(), content, max_chunk_size="1000000")
    world.sandbox.fail_next("GET", "/3$", "cut")
    with pytest.raises(MeshDown):
        world.fetch()
    assert world.landed == []
    world.fetch()
    assert (world.folder / a_name()).read_bytes() == content
    assert [world.sandbox.count("GET", f"/{number}") for number in (2, 3, 4)] == [1, 2, 1]


def test_each_message_goes_to_the_practice_that_policy_says_and_nobody_fetches_anothers(world: World) -> None:
    world.send(a_name(), b"ours")
    theirs = world.send(a_name(), b"theirs", NEIGHBOUR)
    world.fetch()
    assert (world.folder / a_name()).read_bytes() == b"ours"
    assert not any(theirs in line and line.startswith("GET") for line in world.sandbox.calls)
    world.fetch(NEIGHBOUR)
    assert (world.settings.landing / "gpdpr" / NEIGHBOUR / a_name()).read_bytes() == b"theirs"


@pytest.mark.parametrize(
    ("practice_in", "practice", "practices"),
    [
        ("sender", r"(?P<practice>SUPPLIER\d)", {"SUPPLIER1": PRACTICE}),
        ("file_name", r"(?P<practice>\d+)_.*", {"292": PRACTICE}),
        ("subject", r"for (?P<practice>.*)", {}),
    ],
)
def test_a_practice_is_known_by_sender_file_name_or_subject(
    tmp_path: Path, sandbox: Sandbox, practice_in: str, practice: str, practices: dict[str, str]
) -> None:
    world = World(tmp_path, sandbox, practice_in=practice_in, practice=practice, practices=practices)
    world.send(a_name(), b"ours", local_id="", subject=f"for {PRACTICE}")
    world.fetch()
    assert world.landed == [a_name()]


def test_a_message_for_a_practice_that_is_not_in_policy_stays_and_is_shown_until_it_is(world: World) -> None:
    message_id = world.send(a_name(), b"whose?", "Y99777")
    world.fetch()
    assert world.waiting == [message_id]
    found = mailboxes.look(world.settings)
    assert [each["why"] for each in found[0]["left"]] == ["unknown_practice"]
    with pytest.raises(MailboxNeedsAPerson, match="1 messages are left"):
        mailboxes.check(found)
    world.add_practice("Y99777")
    mailboxes.check(mailboxes.look(world.settings))
    world.fetch("Y99777")
    assert (world.settings.landing / "gpdpr" / "Y99777" / a_name()).read_bytes() == b"whose?"


@pytest.mark.parametrize("name", ["../../x", "Anne Smith.csv", "/etc/passwd", "..", "notagreed.csv"])
def test_a_file_name_that_was_not_agreed_is_neither_obeyed_nor_repeated(world: World, name: str) -> None:
    message_id = world.send(name, b"x")
    with pytest.raises(MessageRefused, match="1 messages") as raised:
        world.fetch()
    assert name not in str(raised.value)
    assert world.waiting == [message_id]
    assert not any(path.read_bytes() == b"x" for path in world.root.rglob("*") if path.is_file())
    assert name.encode() not in (world.room / "book.sqlite").read_bytes()
    world.send(a_name(), b"theirs", NEIGHBOUR)
    world.fetch(NEIGHBOUR)


def test_a_report_is_shown_and_is_never_data(world: World) -> None:
    world.sandbox.report(OURS, workflow_id="GPDRP_PAT_EXTRACT", code="14", local_id=f"{PRACTICE}_1", file_name=a_name())
    world.fetch()
    assert world.landed == []
    (found,) = mailboxes.look(world.settings)
    assert [(each["why"], each["code"]) for each in found["left"]] == [("report", "14")]
    assert len(world.waiting) == 1


def test_content_that_is_not_what_its_checksum_says_is_brought_again(world: World) -> None:
    world.send(a_name(), b"cut off", checksum="sha256:" + "0" * 64)
    with pytest.raises(ChecksumDiffers):
        world.fetch()
    with pytest.raises(ChecksumDiffers):
        world.fetch()
    assert world.landed == []
    assert len(world.waiting) == 1


def test_a_message_without_the_agreed_checksum_is_refused(world: World) -> None:
    world.send(a_name(), b"x", checksum="")
    with pytest.raises(MessageRefused, match="sha256"):
        world.fetch()
    assert world.landed == []


def test_a_checksum_nobody_agreed_on_is_not_looked_at(tmp_path: Path, sandbox: Sandbox) -> None:
    world = World(tmp_path, sandbox, checksum="none")
    world.send(a_name(), b"x", checksum="")
    world.fetch()
    assert world.landed == [a_name()]


def test_other_workflows_in_the_mailbox_are_left_alone(world: World) -> None:
    message_id = world.send("results.dat", b"x", workflow_id="SPINE_NTT_UPHOLDING")
    world.fetch()
    assert mailboxes.look(world.settings)[0]["left"] == []
    assert world.waiting == [message_id]
    assert world.sandbox.count("HEAD") == 0


def test_every_page_of_the_mailbox_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesh_mailbox, "PAGE", 10)
    for number in range(23):
        world.send(a_name(number), b"x")
    world.fetch()
    assert len(world.landed) == 23


def test_one_listing_serves_every_practice_for_as_long_as_policy_says(tmp_path: Path, sandbox: Sandbox) -> None:
    world = World(tmp_path, sandbox, listing_seconds=600)
    world.send(a_name(), b"ours")
    world.send(a_name(), b"theirs", NEIGHBOUR)
    world.fetch()
    world.fetch(NEIGHBOUR)
    assert sandbox.count("GET", "/inbox") == 1
    assert sandbox.count("HEAD") == 2


def test_a_delivery_still_arriving_is_waited_for(tmp_path: Path, sandbox: Sandbox) -> None:
    world = World(tmp_path, sandbox, settle_seconds=600)
    world.send(a_name(), b"first of many")
    with pytest.raises(NotReadyYet) as raised:
        world.fetch()
    assert 500 < raised.value.ask_again_at.timestamp() - datetime.now(UTC).timestamp() < 601
    assert world.landed == []


def test_hands_are_shaken_once_a_day_and_it_is_written_down(world: World) -> None:
    world.fetch()
    world.fetch(NEIGHBOUR)
    assert world.sandbox.count("POST", f"/{OURS}") == 1
    yesterday = datetime.now(UTC) - timedelta(hours=21)
    (world.room / "handshake").write_text(yesterday.isoformat())
    (found,) = mailboxes.look(world.settings)
    assert world.sandbox.count("POST", f"/{OURS}") == 2
    assert datetime.now(UTC) - datetime.fromisoformat(found["handshake"]) < timedelta(minutes=1)


@pytest.mark.parametrize("wrong", [{"password": "not-it"}, {"key": "not-it"}])
def test_a_wrong_password_or_shared_key_is_for_a_person_and_is_not_repeated(
    world: World, wrong: dict[str, str]
) -> None:
    write_secrets(world.secrets, **wrong)
    with pytest.raises(MeshRefused, match="password and shared_key") as raised:
        world.fetch()
    assert "not-it" not in str(raised.value)


@pytest.mark.fault(
    "F22",
    injected="MESH's clock is three hours from ours",
    happened="a person is told by how much, rather than that the password is wrong",
)
def test_a_clock_that_is_wrong_is_told_from_a_password_that_is(world: World) -> None:
    world.sandbox.shift_clock(180)
    with pytest.raises(MeshRefused, match=r"clock differs from its by -1(79|80) minutes"):
        world.fetch()


def test_a_secret_that_is_missing_loose_or_empty_is_refused(world: World) -> None:
    (world.secrets / "shared_key").chmod(0o644)
    with pytest.raises(KeyRefused, match="0400"):
        world.fetch()
    write_secrets(world.secrets, key="")
    with pytest.raises(KeyRefused, match="line end"):
        world.fetch()
    (world.secrets / "password").unlink()
    with pytest.raises(KeyRefused):
        world.fetch()


@pytest.mark.fault("F36", injected="429", happened="asked again no sooner than MESH says")
def test_being_told_to_slow_down_is_obeyed_elsewhere(world: World) -> None:
    world.sandbox.fail_next("GET", "/inbox$", 429)
    with pytest.raises(NotReadyYet) as raised:
        world.fetch()
    assert 80 < raised.value.ask_again_at.timestamp() - datetime.now(UTC).timestamp() < 91


@pytest.mark.fault("F36", injected="503, twice and nine times", happened="gone over; then to be tried later")
def test_trouble_of_a_moment_is_gone_over_and_trouble_that_lasts_is_tried_later(world: World) -> None:
    world.send(a_name(), b"x")
    world.sandbox.fail_next("GET", "/inbox$", 503, times=2)
    world.fetch()
    assert world.landed == [a_name()]
    world.sandbox.fail_next("GET", "/inbox$", 503, times=9)
    with pytest.raises(MeshDown):
        world.fetch()


def test_a_server_that_is_down_is_tried_again(tmp_path: Path, sandbox: Sandbox) -> None:
    with pytest.raises(MeshDown):
        World(tmp_path, sandbox, url="http://127.0.0.1:1").fetch()


def test_a_message_that_somebody_else_took_is_told_once_and_stops_nobody_else(world: World) -> None:
    message_id = world.send(a_name(), b"x")
    world.send(a_name(1), b"y")
    world.sandbox.fail_next("GET", f"/{message_id}$", 410)
    with pytest.raises(MessageGone):
        world.fetch()
    world.fetch(NEIGHBOUR)
    world.fetch()
    assert world.landed == [a_name(1)]


@pytest.mark.fault("F36", injected="a delivery is sent twice", happened="taken once")
def test_the_same_file_sent_again_is_not_taken_again(world: World) -> None:
    files = world.deliver()
    release_practice(world.release("one"))
    world.deliver()
    assert release_practice(world.release("two"))["state"] == "already"
    world.fetch()
    assert world.waiting == []
    assert len(world.parcels) == 1
    assert len(files) > 10


def test_a_name_that_comes_twice_with_other_content_is_for_a_person(world: World) -> None:
    world.send(a_name(), b"one")
    world.fetch()
    world.send(a_name(), b"other")
    with pytest.raises(NameTaken):
        world.fetch()
    assert (world.folder / a_name()).read_bytes() == b"one"


@pytest.mark.parametrize(("dropped", "kept"), [(0, b"other"), (1, b"one")])
def test_a_person_says_which_of_two_is_right(world: World, dropped: int, kept: bytes) -> None:
    sent = [world.send(a_name(), b"one")]
    world.fetch()
    sent.append(world.send(a_name(), b"other"))
    with pytest.raises(NameTaken, match=sent[1]):
        world.fetch()
    assert mailboxes.drop(sent[dropped], world.settings) == "supplier"
    world.fetch()
    assert (world.folder / a_name()).read_bytes() == kept
    assert world.waiting == [sent[1 - dropped]]


def test_a_message_that_is_nobodys_stays_until_a_person_drops_it(world: World) -> None:
    message_id = world.send(a_name(), b"whose?", "Y99777")
    assert len(mailboxes.look(world.settings)[0]["left"]) == 1
    mailboxes.drop(message_id, world.settings)
    mailboxes.check(mailboxes.look(world.settings))
    assert world.waiting == []
    with pytest.raises(MessageUnknown):
        mailboxes.drop("ABCDEF", world.settings)


def test_every_collection_gets_what_the_first_of_them_acknowledged(world: World) -> None:
    world.add_collection("winter")
    world.send(a_name(), b"x")
    world.fetch()
    first = world.transport()
    first.let_go([first.folder / a_name()])
    assert world.waiting == []
    second = Mesh(PRACTICE, "winter", Landing(world.root / "landing" / "winter" / PRACTICE).open(), first.sorting)
    second.fetch(None, lambda _: None)
    assert (second.folder / a_name()).read_bytes() == b"x"
    second.let_go([second.folder / a_name()])
    assert list((world.room / PRACTICE).iterdir()) == []


def test_what_has_been_here_for_three_days_is_acknowledged_before_mesh_tells_the_supplier_nobody_came(
    world: World,
) -> None:
    world.send(a_name(), b"x")
    world.fetch()
    assert len(world.waiting) == 1
    book = world.transport().sorting.book
    long_ago = (datetime.now(UTC) - timedelta(days=3, minutes=1)).isoformat()
    book._change("update message set here_at = ?", long_ago)
    world.fetch()
    assert world.waiting == []
    assert world.landed == [a_name()], "its parcel has not left, so it stays here"


def test_a_parcel_that_left_is_not_failed_by_mesh_being_down_afterwards(world: World) -> None:
    world.send(a_name(), b"x")
    world.fetch()
    transport = world.transport()
    world.sandbox.fail_next("PUT", "acknowledged$", 500)
    transport.let_go([transport.folder / a_name()])
    assert len(world.waiting) == 1
    world.fetch()
    assert world.waiting == []
    assert world.landed == []


def test_where_files_cannot_have_two_names_they_are_copied(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refused)
    world.send(a_name(), b"x")
    world.fetch()
    assert (world.folder / a_name()).read_bytes() == b"x"


def test_one_process_has_the_mailbox_at_a_time(world: World) -> None:
    mailbox = world.transport().sorting.mailbox
    with mailbox.open(), (world.room / "lock").open("w") as other, pytest.raises(BlockingIOError):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "http://mesh.example"},
        {"mailbox": "../../x"},
        {"workflow_ids": []},
        {"practice": "("},
        {"practice": "no group"},
        {"practice_in": "content"},
        {"checksum": "crc32"},
        {"password": "x"},
        {"listing_seconds": None},
    ],
)
def test_a_connection_says_neither_more_nor_less_than_it_must(
    tmp_path: Path, sandbox: Sandbox, changed: dict[str, Any]
) -> None:
    with pytest.raises(ConnectionRefused):
        World(tmp_path, sandbox, **changed).fetch()


def test_who_must_act_is_said_by_the_kind_of_error() -> None:
    assert issubclass(MeshRefused, PersonMustAct)
    assert issubclass(MessageGone, PersonMustAct)
    assert issubclass(NameTaken, PersonMustAct)
