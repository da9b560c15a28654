"""Nights of several practices in all formats, both zones at work at once, and a killer that ends processes at any moment.

    python -m support.nights_of_kills 1000 1     kills, seed

The killer's moments are uniform in the time that the processes have worked (on a busy machine a second may pass in which they were not
let work); it ends a whole process group, by the one signal that nothing can catch. What was killed is begun again, as the same run or
as a new one. After the last kill the night is ended in peace, and everything is looked at.
"""

import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from crossing.canonical import BRIDGE
from crossing.policy import policy_folder
from simulator.simulate import simulate
from source_zone.token_key_versions import make_next
from support import killed_world
from support.forked import DONE, RUNNING, ForkServer
from support.invariants import check_invariants
from support.killed_world import COLLECTION, PRACTICE, World, carry, make_world
from support.postgres import Postgres, a_server, psycopg_url
from support.sealed_oracle import Opened

SIMULATED = (
    ("tpp_csv", "tpp_csv", 9, 1),
    ("gpdpr_xml", "gpdpr_xml", 10, 1),
    ("medicus_csv", "medicus_csv", 11, 1),
    ("fhir_r4", "fhir_r4", 12, 1),
    ("gp_connect", "gp_connect", 13, 1),
)
SOURCE, CENTRE = "collect", "load"
_ROTATED_ON = 3
_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_PEACE = 40  # runs of one zone after the last kill of a night


@dataclass(frozen=True, slots=True)
class Nights(World):
    """The small practice that opts out, back in and changes its key, beside simulated ones of every format."""

    def identifiers(self) -> dict[str, str]:
        return {**World.identifiers(self), **self._simulated()}

    def _simulated(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for path in self.source.incoming.rglob("canaries.json"):
            for kind in ("nhs_numbers", "patient_guids", "emails"):
                found |= {f"{kind} {value}": value for value in json.loads(path.read_text())[kind]}
        return {f"value {number}": value for number, value in enumerate(sorted(set(found.values())))}


def make_nights(root: Path, store_url: str, keys: Path | None = None) -> Nights:
    make_world(root, store_url)
    if keys is not None:
        shutil.rmtree(root / "keys")
        shutil.copytree(keys, root / "keys")
    lines = (policy_folder() / "practices.csv").read_text().splitlines()
    codes = ("practice_code", PRACTICE, *(f"Y99{number:03}" for _, _, number, _ in SIMULATED))
    (root / "policy" / "practices.csv").write_text("\n".join(line for line in lines if line.startswith(codes)) + "\n")
    return Nights(root, store_url)


def deliver(world: Nights, night: int) -> None:
    if night <= 3:
        killed_world.deliver(world, night, PRACTICE)
    for name, folder, first, practices in SIMULATED:
        how = {"patients": 24, "entries_per_patient": 10, "seed": 3, "cut_off": None}
        simulate(
            world.source.incoming / folder, format=name, first_practice=first, practices=practices, night=night, **how
        )


@dataclass(slots=True)
class Killer:
    """One run of it. Processes of two zones, the parcels carried between, and a clock."""

    world: Nights
    server: ForkServer
    kills: int
    chance: random.Random
    gap: float  # seconds of work between two kills, on average
    done: int = 0
    begun: int = 0
    nights: int = 0
    struck: Counter[str] = field(default_factory=Counter)  # the point that was passed last
    running: dict[str, tuple[int, Path, float]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    worked: float = 0.0  # by processes that have ended

    def live(self) -> None:
        while self.done < self.kills:
            self.nights += 1
            deliver(self.world, self.nights)
            if self.nights == _ROTATED_ON:
                make_next(self.world.source.keys, COLLECTION)
            self._night()
        self._peace(CENTRE)

    def _night(self) -> None:
        """Until the source has nothing more to do, or the kills are used up; then the source's night is ended in peace."""
        next_kill = self._next_kill()
        finished = False
        while self.done < self.kills and not finished:
            carry(self.world)
            for zone in (SOURCE, CENTRE):
                finished |= self._look_at(zone) and zone == SOURCE
            if self._worked() >= next_kill:
                self._strike()
                next_kill = self._next_kill()
            time.sleep(0.003)
        self._peace(SOURCE)

    def _next_kill(self) -> float:
        return self._worked() + self.chance.expovariate(1 / self.gap)

    def _worked(self) -> float:
        for zone, (pid, reached, seen) in self.running.items():
            with suppress(OSError, IndexError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                now = (int(fields[11]) + int(fields[12])) / _TICKS
                self.worked += now - seen
                self.running[zone] = (pid, reached, now)
        return self.worked

    def _look_at(self, zone: str) -> bool:
        """Whether it has just ended well. What has ended is begun anew."""
        if zone in self.running:
            pid, _, _ = self.running[zone]
            state = self.server.state(pid)
            if state == RUNNING:
                return False
            del self.running[zone]
            if state == DONE:
                self.runs.pop(zone, None)
                if zone == SOURCE:
                    return True
        self._begin(zone)
        return False

    def _begin(self, zone: str) -> None:
        self.begun += 1
        if zone not in self.runs or self.chance.random() < 0.3:  # Airflow has forgotten it: another run
            self.runs[zone] = f"{zone} {self.begun}"
        reached = self.world.root / "reached" / f"{self.begun}"
        reached.parent.mkdir(exist_ok=True)
        said = {"root": str(self.world.root), "store_url": self.world.store_url, "phase": zone, "run": self.runs[zone]}
        pid = self.server.start("support.nights_of_kills:do", said, reached=reached)
        self.running[zone] = (pid, reached, 0.0)

    def _strike(self) -> None:
        zone = self.chance.choice(sorted(self.running) or [SOURCE])
        if zone not in self.running:
            return
        pid, reached, _ = self.running.pop(zone)
        if self.server.kill(pid):
            self.done += 1
            passed = reached.read_text().split() if reached.exists() else []
            self.struck[passed[-1] if passed else f"{zone}: before any"] += 1
            if self.done % 50 == 0:
                sys.stderr.write(f"{self.done} kills, night {self.nights}\n")

    def _peace(self, zone: str) -> None:
        """Runs to the end of what there is, undisturbed: the other zone is let end first."""
        for other, (pid, _, _) in list(self.running.items()):
            self.server.wait(pid, seconds=300)
            del self.running[other]
        for _ in range(_LONGEST_PEACE):
            carry(self.world)
            self.begun += 1
            said = {"root": str(self.world.root), "store_url": self.world.store_url, "phase": zone}
            ended = self.server.run("support.nights_of_kills:do", {**said, "run": f"{zone} {self.begun}"})
            carry(self.world)
            if ended == DONE and (zone == SOURCE or not unfinished(self.world)):
                return
        raise AssertionError(f"{zone} did not come to an end; see {self.server.log}")


def do(root: str, store_url: str, phase: str, run: str) -> None:
    """One run of one zone: as in the small world, with a progress of its own."""
    killed_world.do_in(Nights(Path(root), store_url), phase, run, stuck_is_an_error=False)


def unfinished(world: Nights) -> int:
    """Parcels in the inbox that have not come to an end."""
    query = """
    SELECT parcel_id::text FROM ledger.parcel WHERE state IN ('loaded', 'compared', 'held', 'refused')
    UNION ALL SELECT parcel_id::text FROM ledger.notice WHERE applied_at IS NOT NULL
    """
    with psycopg.connect(psycopg_url(world.store_url)) as connection:
        ended = {row[0] for row in connection.execute(query)}
    return len({path.name for path in world.inbox.iterdir()} - ended)


def undisturbed(killed: Nights, root: Path, store_url: str, server: ForkServer, nights: int) -> Nights:
    """The same deliveries under the same keys, night after night, and nobody is killed."""
    world = make_nights(root, store_url, keys=killed.root / "keys")
    later = list(world.source.keys.glob("token-gpdpr-v[!1]*"))
    kept = {path: path.read_bytes() for path in later}
    for path in later:
        path.unlink()
    for night in range(1, nights + 1):
        deliver(world, night)
        if night == _ROTATED_ON:
            for path, content in kept.items():
                path.write_bytes(content)
                path.chmod(0o400)
        for zone in (SOURCE, CENTRE):
            said = {"root": str(root), "store_url": store_url, "phase": zone, "run": f"{zone} {night}"}
            ended = server.run("support.nights_of_kills:do", said)
            assert ended == DONE, f"undisturbed, {zone} of night {night}: {ended}; see {server.log}"
            carry(world)
    said = {"root": str(root), "store_url": store_url, "phase": CENTRE, "run": "the last"}
    assert server.run("support.nights_of_kills:do", said) == DONE
    return world


def what_left(world: Nights) -> Counter[str]:
    opened = Opened(world.archive, world.central.keys_folder).read()
    hashes = opened.digests()
    told = [(each.practice_code, each.extract_kind, hashes[each.parcel_id]) for each in opened.manifests.values()]
    return Counter(" ".join(each) for each in told if each[1] != BRIDGE)


def states(world: Nights) -> dict[str, int]:
    with psycopg.connect(psycopg_url(world.store_url)) as connection:
        found = connection.execute("SELECT state, count(*) FROM ledger.parcel GROUP BY 1 ORDER BY 1").fetchall()
        rows = connection.execute(
            "SELECT sum(value::bigint) FROM ledger.parcel, jsonb_each_text(rows_loaded)"
        ).fetchone()
    return {**dict(found), "rows_loaded": int((rows or [0])[0] or 0)}


def killed_nights(
    folder: Path, postgres: Postgres, server: ForkServer, *, kills: int, seed: int, gap: float
) -> dict[str, Any]:
    """Lives them, and looks at everything. Raises AssertionError naming what does not hold."""
    began = time.monotonic()
    world = make_nights(folder / "killed", postgres.a_store())
    killer = Killer(world, server, kills, random.Random(seed), gap)
    killer.live()
    lasted = time.monotonic() - began
    looked_at = check_invariants(world)
    twin = undisturbed(world, folder / "undisturbed", postgres.a_store(), server, killer.nights)
    check_invariants(twin)
    assert what_left(world) == what_left(twin), "what left is not what leaves when nobody is killed"
    assert states(world) == states(twin) | {"loaded": states(world)["loaded"]}, (states(world), states(twin))
    return {
        "kills": killer.done,
        "seed": seed,
        "nights": killer.nights,
        "processes": killer.begun,
        "seconds": round(lasted),
        "seconds_worked": round(killer.worked),
        **looked_at,
        **states(world),
        "struck": dict(killer.struck.most_common()),
    }


def main() -> None:
    kills, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    gap = float(sys.argv[3]) if len(sys.argv) > 3 else 0.25
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-kills-"))
    server = ForkServer(folder / "said.log")
    with a_server() as postgres, suppress(KeyboardInterrupt):
        said = killed_nights(folder, postgres, server, kills=kills, seed=seed, gap=gap)
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
        server.close()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
