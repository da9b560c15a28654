"""Trials: a phase of the small world is begun, something is done to its process at a named point, and it is run on to its end.

The world is lived once, undisturbed; each trial starts from a copy of it as it was before the phase, folder and store. What left, what
is in the store and what lies about is then as if nothing had happened.
"""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from crossing.canonical import BRIDGE
from crossing.faultpoint import HANG, KILL, RAISE
from support.forked import DONE, FAILED, KILLED, STOPPED, ForkServer
from support.invariants import check_invariants
from support.killed_world import PHASES, World, make_world, prepare_phase
from support.postgres import Postgres, psycopg_url
from support.sealed_oracle import Opened

WORK = "support.killed_world:do"
# Points that only a run after a killed one comes to, and where that one is killed.
AFTER = {"recover.memory_discarded": "memory.prepared", "recover.settled": "leave.published"}
_TRIES = 4
# In the middle of a COPY PostgreSQL waits for its client and no time limit interrupts it (pg_terminate_backend does). Of a machine
# that is gone the connection's keepalives tell; a worker that is stopped on a live machine is ended by a person.
HOLDS_ITS_LOCK = ("load.mid_copy",)
# As in life, where it is minutes: a stopped worker's transaction is ended by the server.
_LEASE = "options=-c%20idle_in_transaction_session_timeout%3D700%20-c%20statement_timeout%3D2000"
_numbers = count(1)


@dataclass(slots=True)
class Trials:
    """Undisturbed nights, and copies of them."""

    folder: Path
    postgres: Postgres
    server: ForkServer
    points: dict[str, list[str]] = field(default_factory=dict)  # phase -> points, in the order they are first reached
    before: dict[str, World] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)  # phase -> what left, but for how often people were named

    def live(self) -> None:
        world = make_world(self.folder / "undisturbed", self.postgres.a_store())
        for phase in PHASES:
            prepare_phase(world, phase)
            self.before[phase] = self._copy(world, f"before {phase}")
            reached = self.folder / f"reached in {phase}"
            assert self.server.run(WORK, _arguments(world, phase), reached=reached) == DONE, self._said()
            self.points[phase] = list(dict.fromkeys(reached.read_text().split()))
            world.note_after(phase)
            if phase.startswith("load"):
                check_invariants(world)
                self.left[phase] = _digests(world)

    def first_phase_of(self) -> dict[str, str]:
        """Every point that a night comes to, and the phase in which that is first."""
        found: dict[str, str] = {}
        for phase in PHASES:
            for point in self.points[phase]:
                found.setdefault(point, phase)
        return found

    @contextmanager
    def from_before(self, phase: str) -> Iterator[World]:
        """A copy of everything as it was before a phase; gone afterwards."""
        world = self._copy(self.before[phase], f"trial {next(_numbers)}")
        try:
            yield world
        finally:
            shutil.rmtree(world.root, ignore_errors=True)
            drop(self.postgres, world.store_url)

    def killed_at(self, phase: str, points: Sequence[str]) -> None:
        """One after another in one night: each run goes on where the one before was killed, up to the next point.

        What settles a killed run may pass a point by; from there on it is another night.
        """
        waiting = list(points)
        while waiting:
            with self.from_before(phase) as world:
                killed = self._kill(world, phase, waiting)
                assert killed, f"{waiting[0]} was not reached"
                self._finish(world, phase)
            waiting = waiting[killed:]

    def broken_at(self, phase: str, point: str, after: str | None = None) -> None:
        """By an error that nobody foresaw."""
        with self.from_before(phase) as world:
            assert self._kill(world, phase, [after] if after else []) == bool(after)
            # A run of its own: where one parcel alone broke off, the run comes to its end, and the next sweep takes it again.
            broken = _arguments(world, phase, "broken")
            assert self.server.run(WORK, broken, fault=f"{point}:1:{RAISE}") in (FAILED, DONE), point
            self._finish(world, phase)

    def _kill(self, world: World, phase: str, points: Sequence[str]) -> int:
        """How many of them were reached, one after another."""
        for number, point in enumerate(points):
            if self.server.run(WORK, _arguments(world, phase), fault=f"{point}:1:{KILL}") != KILLED:
                return number
        return len(points)

    def hung_at(self, phase: str, point: str, after: str | None = None) -> None:
        """One stops; a second takes over, as far as it may; the first wakes, and must do no harm."""
        with self.from_before(phase) as world:
            assert self._kill(world, phase, [after] if after else []) == bool(after)
            asleep = World(world.root, f"{world.store_url}&{_LEASE}")
            first = self.server.start(WORK, _arguments(asleep, phase, "first"), fault=f"{point}:1:{HANG}")
            assert self.server.wait(first, stopped=True) == STOPPED, point
            if point in HOLDS_ITS_LOCK:
                self._end_its_session(world)
            second = self.server.run(WORK, _arguments(world, phase, "second"))
            assert second in (DONE, FAILED), point
            os.kill(first, signal.SIGCONT)
            assert self.server.wait(first) in (DONE, FAILED), point
            self._finish(world, phase)

    def _end_its_session(self, world: World) -> None:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        with psycopg.connect(psycopg_url(world.store_url), autocommit=True) as connection:
            assert connection.execute(ended).fetchall()

    def _finish(self, world: World, phase: str) -> None:
        self._until_done(world, phase)
        if phase.startswith("collect"):
            phase = PHASES[PHASES.index(phase) + 1]
            prepare_phase(world, phase)
            self._until_done(world, phase)
        check_invariants(world)
        assert _digests(world) == self.left[phase], "what left is not what leaves when nothing happens"

    def _until_done(self, world: World, phase: str) -> None:
        ended = [self.server.run(WORK, _arguments(world, phase))]
        while ended[-1] != DONE and len(ended) < _TRIES:
            ended.append(self.server.run(WORK, _arguments(world, phase)))
        assert ended[-1] == DONE, f"{phase} does not end by itself: {self._said()}"
        world.note_after(phase)

    def _copy(self, world: World, name: str) -> World:
        shutil.copytree(world.root, self.folder / name)
        return World(self.folder / name, self.postgres.a_confirmed_copy(world.store_url))

    def _said(self) -> str:
        return self.server.log.read_text()[-3000:]


def _arguments(world: World, phase: str, which: str = "") -> dict[str, str]:
    return {"root": str(world.root), "store_url": world.store_url, "phase": phase, "run": f"{phase}/{which}"}


def _digests(world: World) -> list[str]:
    """Of each parcel: whose, what kind, a hash of its rows. A run that is killed after it named people names them again."""
    opened = Opened(world.archive, world.central.keys_folder).read()
    hashes = opened.digests()
    told = [(each.practice_code, each.extract_kind, hashes[each.parcel_id]) for each in opened.manifests.values()]
    return sorted(" ".join(each) for each in told if each[1] != BRIDGE)


def drop(postgres: Postgres, store_url: str) -> None:
    name = store_url.partition("?")[0].rpartition("/")[2]
    with psycopg.connect(postgres.uri, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
