"""Killed anywhere on the way in: the next run ends what was begun, nothing is lost and nothing is given twice."""

from pathlib import Path
from typing import Any

import pytest

from crossing import mesh_mailbox
from crossing.mesh_mailbox import OpenMailbox
from source_zone.release_practice import release_practice
from source_zone.transports.landing import Landing
from source_zone.transports.mesh_book import Book
from source_zone.transports.mesh_sorting import Sorting
from support import mesh_server
from support.emis_files import PRACTICE
from support.mesh_faults import Killed, kill
from support.mesh_server import OURS
from support.mesh_world import World, a_name

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)
CONTENTS = {a_name(number): f"content {number}".encode() for number in range(3)}

# Where the power goes: before or after each of these, the first or the second time it is done.
STEPS: list[tuple[Any, str]] = [
    (Sorting, "sort"),
    (OpenMailbox, "envelope"),
    (Book, "note"),
    (OpenMailbox, "download"),
    (mesh_mailbox, "write_durably"),
    (Sorting, "_check"),
    (Book, "arrived"),
    (Sorting, "land"),
    (Landing, "land"),
    (Book, "landed"),
    (Sorting, "let_go"),
    (Landing, "remove"),
    (OpenMailbox, "acknowledge"),
    (Book, "mark"),
    (Sorting, "forget"),
]


def take(world: World, taken: dict[str, bytes]) -> None:
    """What a release does with a transport: lets go of what was taken, fetches, takes, lets go. `taken` is its memory."""
    transport = world.transport()
    transport.let_go(world.folder / name for name in world.landed if name in taken)
    transport.fetch(None, lambda _: None)
    found = {name: (world.folder / name).read_bytes() for name in world.landed}
    assert not set(found) & set(taken), "a delivery that was taken has come back"
    taken |= found
    transport.let_go(world.folder / name for name in found)


@pytest.mark.parametrize(("after", "time"), [(False, 1), (True, 1), (True, 2)], ids=["before", "after", "after-second"])
@pytest.mark.parametrize(("place", "step"), STEPS, ids=lambda each: str(getattr(each, "__name__", each)))
def test_a_run_killed_anywhere_is_ended_by_the_next(
    world: World, place: Any, step: str, after: bool, time: int
) -> None:
    for name, content in CONTENTS.items():
        world.send(name, content)
    taken: dict[str, bytes] = {}
    with pytest.MonkeyPatch.context() as patch:
        reached = kill(patch, place, step, after=after, time=time)
        try:
            take(world, taken)
        except Killed:
            pass
        else:
            assert 0 < reached[0] < time, "a step that is never reached proves nothing"
    take(world, taken)
    take(world, taken)
    assert taken == CONTENTS
    assert world.landed == []
    assert world.waiting == []
    assert list((world.room / PRACTICE).iterdir()) == []


@pytest.mark.parametrize("step", ["download", "acknowledge"])
def test_a_release_killed_on_the_line_ends_in_one_parcel(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, tmp_path: Path
) -> None:
    world.deliver()
    with monkeypatch.context() as patch:
        kill(patch, OpenMailbox, step, after=True, time=5)
        with pytest.raises(Killed):
            release_practice(world.release("one"))
    release_practice(world.release("two"))
    assert release_practice(world.release("three"))["state"] == "already"
    assert len(world.parcels) == 1
    assert world.waiting == []
    acknowledged = [line for line in world.sandbox.calls if line.startswith("PUT") and OURS in line]
    assert len(acknowledged) - len(set(acknowledged)) <= 1, "only the call that was cut short is repeated"
