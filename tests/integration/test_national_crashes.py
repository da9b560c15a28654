"""Killed at any step, a check of the National Data Opt-out ends in one message, one answer and one list a practice."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from crossing.mesh_mailbox import OpenMailbox
from source_zone.command_line import main
from source_zone.national_opt_outs import list_allowed
from source_zone.national_opt_outs.errors import NumbersRefused
from source_zone.national_opt_outs.kept_checks import KeptChecks
from source_zone.national_opt_outs.list_allowed import AllowLists
from source_zone.national_opt_outs.local_ids import LocalIds
from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_faults import Killed, kill
from support.mesh_server import Sandbox
from support.national_service import REFUSAL
from support.national_world import NEIGHBOUR, NUMBERS, NationalWorld

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)
ANNE, BERT, EVE = NUMBERS[:3]


@pytest.fixture
def world(tmp_path: Path, sandbox: Sandbox) -> NationalWorld:
    world = NationalWorld(tmp_path, sandbox)
    world.know({"anne": ANNE, "bert": BERT})
    world.know({"eve": EVE}, NEIGHBOUR)
    world.service.opted_out = {BERT}
    return world


def ends_well(world: NationalWorld, messages: int) -> None:
    """One message was asked of the service, whatever happened, and each practice has one list with the right people."""
    assert messages == 1
    assert world.listed == {PRACTICE: {ANNE}, NEIGHBOUR: {EVE}}
    assert {code: [each[0].sequence for each in lists] for code, lists in world.notices.items()} == {
        PRACTICE: [1],
        NEIGHBOUR: [1],
    }
    assert (world.waiting, world.sealed, list(world.settings.outbox.glob(".*"))) == ([], [], [])


@pytest.mark.parametrize(
    ("place", "step", "time"),
    [
        (KeptChecks, "seal", 1),
        (KeptChecks, "write", 1),
        (KeptChecks, "write", 2),
        (KeptChecks, "write", 3),
        (LocalIds, "_next", 1),
        (OpenMailbox, "send_first", 1),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_an_asking_killed_anywhere_is_ended_by_the_next(world: NationalWorld, place: Any, step: str, time: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place, step, after=True, time=time)  # which is before the step that follows
        with pytest.raises(Killed):
            world.ask()
    world.ask()
    messages = len(world.service.answer())
    world.take()
    ends_well(world, messages)


@pytest.mark.parametrize(
    ("place", "step", "time"),
    [
        (KeptChecks, "seal", 1),
        (KeptChecks, "write", 2),
        (OpenMailbox, "acknowledge", 1),
        (OpenMailbox, "acknowledge", 2),
        (list_allowed, "draft_notice", 2),
        (AllowLists, "_begin", 1),
        (list_allowed, "publish_notice", 2),
        (list_allowed, "note_place", 1),
        (KeptChecks, "destroy", 1),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_a_taking_killed_anywhere_is_ended_by_the_next(world: NationalWorld, place: Any, step: str, time: int) -> None:
    world.ask()
    messages = len(world.service.answer())
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, place, step, after=True, time=time)  # which is before the step that follows
        with pytest.raises(Killed):
            world.take()
    if step in ("seal", "write"):
        assert len(world.waiting) == 1, "an answer is acknowledged only when it is kept"
    world.take()
    ends_well(world, messages)


@pytest.mark.parametrize("after", [False, True], ids=["before it left", "after"])
def test_a_place_in_the_sequence_is_never_given_to_other_people(world: NationalWorld, after: bool) -> None:
    """Bert moves to the practice next door while a list of it is half-way out."""
    world.service.opted_out = set()
    world.ask()
    world.service.answer()
    with pytest.MonkeyPatch.context() as patch:
        kill(patch, list_allowed, "publish_notice", after=after, time=2)
        with pytest.raises(Killed):
            world.take()
    world.know({"eve": EVE, "bert": BERT}, NEIGHBOUR)
    world.take()
    assert [(each[0].sequence, len(each[1])) for each in world.notices[NEIGHBOUR]] == [(1, 1)]
    assert list(world.settings.outbox.glob(".*")) == []


def test_nobody_s_number_is_left_anywhere_in_clear(world: NationalWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    errors = []
    world.ask()
    assert [NUMBERS[0] in each.content.decode() for each in world.service.read()] == [True], (
        "so there is one to be found"
    )
    written = everything(world)
    world.service.say(REFUSAL, world.check.requests[0].local_id)
    with pytest.raises(NumbersRefused) as raised:
        world.take()
    errors.append(str(raised.value))
    said = [world.ask(again=True)]
    world.service.answer()
    written += everything(world)
    said.append(world.take())
    written += everything(world)
    told = caplog.text + "".join(errors) + json.dumps(said) + "".join(world.sandbox.calls)
    assert world.check.requests[0].local_id.encode() in written, "headers that MESH has are looked at too"
    for number in (ANNE, BERT, EVE):
        assert number not in told
        assert number.encode() not in written
        assert number.encode() not in written.replace(b" ", b"")
    leaked = world.settings.memory / "leaked"
    leaked.write_text(f"{ANNE},\n")
    assert ANNE.encode() in everything(world), "and where there is one it is found"


def everything(world: NationalWorld) -> bytes:
    """Names and contents of all files of the zone, and what MESH has of us but the messages' own content."""
    folders = [world.settings.memory, world.settings.landing, world.settings.outbox, world.settings.spool]
    found = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    headers = list(world.sandbox.root.rglob("*.json"))
    return b"\n".join(str(path).encode() + b"\n" + path.read_bytes() for path in [*found, *headers])


def run(*options: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["gp-source", "national-opt-outs", "--collection", "gpdpr", *options])
        return main()


def test_the_command_says_how_it_stands_and_ends_with_4_where_it_needs_somebody(
    world: NationalWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in world.environment.items():
        monkeypatch.setenv(name, value)
    assert (run(), json.loads(capsys.readouterr().out)) == (0, {"state": "never_asked", "lists": {}})
    world.ask()
    world.service.answer(lambda _: REFUSAL)
    assert run("--take") == 4
    assert capsys.readouterr().err.startswith("NumbersRefused (a person must act): Request ")
    assert run() == 4
    assert json.loads(capsys.readouterr().out)["requests"] == {"refused": 1}
    assert (run("--ask"), json.loads(capsys.readouterr().out)["state"]) == (0, "running")
    strange = world.service.say(b"x", "strange")
    assert run("--drop", strange) == 0
    assert world.waiting == []
