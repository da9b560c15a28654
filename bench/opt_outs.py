"""The differential proof at the size of a night: for every patient and night three readings of their history must agree.

    python bench/opt_outs.py [--patients 1000000] [--a-practice 10000] [--nights 4] [--seed 1] [--workers 2]

Histories are generated, delivered in three suppliers' formats, and taken through the source zone's own steps. What it
decided and sealed, what the store holds after loading and erasing, and a release a night are held against the simulator's
answer sheet and against a slow reading of the suppliers' files. Blocks of four practices, each with a store of its own, are
made, compared and thrown away, so neither memory nor disk grows. Ends with 1 if anything differs; of differences it tells
how many and of which story, never whose.

One kind is known and told apart (docs/decisions.md 54): whoever objected at two practices and comes back at both is kept out at
the one whose parcel is loaded first. They are missing where they may be; nobody is where they may not.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker sets its threads before anything of ours is imported
    from support.histories_lived import HistoriesLived
    from support.releases_lived import ReleasesLived

ONE_THREAD = {"POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
PRACTICES_A_BLOCK = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one worker needs to know."""

    root: Path
    patients: int
    nights: int
    seed: int


@dataclass(slots=True)
class Compared:
    """Of one block, or of all."""

    counts: Counter[str] = field(default_factory=Counter)  # registrations, decisions, opted out, rows
    seconds: Counter[str] = field(default_factory=Counter)
    differences: Counter[str] = field(default_factory=Counter)
    megabytes: float = 0

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - started

    def add(self, other: "Compared") -> None:
        self.counts.update(other.counts)
        self.seconds.update(other.seconds)
        self.differences.update(other.differences)
        self.megabytes = max(self.megabytes, other.megabytes)


def one_block(number: int, asked: Asked) -> Compared:
    """All nights of four practices, with a store of their own on a server of their own; nothing of them is left."""
    from support.postgres import a_server

    root = asked.root / f"block-{number}"
    (root / "incoming").mkdir(parents=True)
    (root / "outbox").mkdir()
    with a_server() as server:
        done = _lived(number, asked, root, server.a_store())
    done.megabytes = peak_megabytes()
    shutil.rmtree(root)
    return done


def _lived(number: int, asked: Asked, root: Path, store_url: str) -> Compared:
    from support.centre_lived import Centre, centre_settings
    from support.histories_lived import (
        HistoriesLived,
        a_block,
        read_slowly,
        release_night,
        simulate_night,
        uphold_night,
    )
    from support.releases_lived import ReleasesLived
    from support.source_zone import make_source_zone

    done, keys = Compared(), asked.root / "keys"
    lived = HistoriesLived(make_source_zone(root, asked.root / "policy", keys=keys / "source"))
    where = {"keys": keys / "central", "inbox": lived.zone.settings.outbox}
    lived.centre = Centre(centre_settings(root / "central", store_url=store_url, **where))
    releases = ReleasesLived(lived)
    for night in range(1, asked.nights + 1):
        with done.timed("simulate"):
            size = {"patients": asked.patients, "seed": asked.seed}
            done.counts["rows"] += simulate_night(lived, night, practices=a_block(number), **size)
        with done.timed("the source zone's steps"):
            release_night(lived, night)
        with done.timed("uphold, load and erase"):
            uphold_night(lived, night)
        with done.timed("the slow reading"):
            read_slowly(lived, night)
        with done.timed("lists and releases"):
            releases.live(night)
        with done.timed("comparing"):
            compare(lived, night, done)
            compare_releases(releases, night, done)
    done.counts["registrations"] += len(lived.expected[asked.nights])
    return done


def compare(lived: "HistoriesLived", night: int, done: Compared) -> None:
    from support.gates import AT_THE_SOURCE, IN_THE_STORE, SLOWLY, differences, not_whole, opted_out, other_reasons

    done.counts["decisions"] += len(lived.expected[night])
    done.counts["opted out"] += len(opted_out(lived, night))
    done.counts["erased"] += len(lived.books.erased[night])
    done.counts["sent whole again"] += len(lived.books.back[night])
    done.counts["in the store"] += len(lived.books.in_store[night])
    for gate in (*AT_THE_SOURCE, *IN_THE_STORE, SLOWLY):
        found = differences(lived, night, gate.expected(lived, night), gate.found(lived, night))
        done.differences.update({f"night {night}, {gate.name}: {what}": count for what, count in found.items()})
    for others in (other_reasons(lived, night), not_whole(lived, night)):
        done.differences.update({f"night {night}: {what}": count for what, count in others.items()})


def compare_releases(releases: "ReleasesLived", night: int, done: Compared) -> None:
    from support.releases_lived import differing

    done.counts["people released"] += len(releases.found[night])
    told = {"the release": differing(releases.expected(night), releases.found[night])}
    if night > 1:
        told["after erasing"] = differing(releases.left_over(night), releases.after_erasing[night])
    for what, found in told.items():
        done.differences.update({f"night {night}, {what}: {which}": count for which, count in found.items()})


def peak_megabytes() -> float:
    """Of this process alone."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024


def every_block(blocks: int, asked: Asked, workers: int, said: Callable[[str], None]) -> Compared:
    """In processes of one thread each."""
    total, started = Compared(), time.perf_counter()
    os.environ |= ONE_THREAD
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for number, done in enumerate(pool.map(one_block, range(blocks), [asked] * blocks), 1):
            total.add(done)
            took = time.perf_counter() - started
            said(f"{total.counts['registrations']:,} people, {total.differences.total()} differences, {took:.0f} s")
            said(f"   block {number} of {blocks}")
    total.seconds["wall"] = time.perf_counter() - started
    return total


def policy_for(folder: Path, practices: int) -> None:
    """The policy that ships, in which as many of TPP's practices as there are have said that they leave out the protected."""
    from crossing.policy import policy_folder
    from simulator.practice import code_of

    shutil.copytree(policy_folder(), folder)
    said = folder / "tpp_csv_practices.csv"
    known = said.read_text()
    codes = [code_of(number) for number in range(1, practices + 1)]
    lines = [f"{code},yes,simulated,Synthetic practice" for code in codes if f"\n{code}," not in known]
    said.write_text(known.rstrip("\n") + "\n" + "".join(line + "\n" for line in lines))


def told_apart(found: Counter[str]) -> tuple[Counter[str], Counter[str]]:
    """Differences, and those of the known kind: of the release as many as the store lacks on that night, which it is made of."""
    known = Counter({what: count for what, count in found.items() if _is_the_known_kind(what)})
    missing: Counter[str] = Counter()
    for what, count in known.items():
        night = what.split(",")[0].split(":")[0]
        missing[night] = max(missing[night], count)
    for night, most in missing.items():
        for what in (f"{night}, the release: held back", f"{night}, after erasing: held back"):
            if 0 < found[what] <= most:
                known[what] = found[what]
    return found - known, known


def _is_the_known_kind(what: str) -> bool:
    return "at_two_practices" in what and ("store: held back" in what or ": None for " in what)


def table(total: Compared) -> str:
    differences, known = told_apart(total.differences)
    lines = [f"| {what} | {count:,} |" for what, count in total.counts.items()]
    lines += [f"| {what}, s | {seconds:,.0f} |" for what, seconds in total.seconds.items()]
    lines += [f"| peak of a worker, MB | {total.megabytes:,.0f} |", f"| differences | {differences.total()} |"]
    lines += [f"| of the known kind (decision 54) | {known.total()} |"]
    told = [f"{count} x {what}" for what, count in (differences + known).most_common(40)]
    return "\n".join(["| what | how much |", "|---|---|", *lines, *told])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=1_000_000)
    parser.add_argument("--a-practice", type=int, default=10_000)
    parser.add_argument("--nights", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    from source_zone.make_development_keys import make_development_keys

    blocks = max(1, round(arguments.patients / arguments.a_practice / PRACTICES_A_BLOCK))
    with tempfile.TemporaryDirectory(prefix="gp-collect-differential-") as folder:
        root = Path(folder)
        make_development_keys(root / "keys", ["gpdpr"])
        policy_for(root / "policy", blocks * PRACTICES_A_BLOCK)
        asked = Asked(root=root, patients=arguments.a_practice, nights=arguments.nights, seed=arguments.seed)
        total = every_block(blocks, asked, arguments.workers, lambda text: print(text, file=sys.stderr, flush=True))
    print(table(total))
    return 1 if told_apart(total.differences)[0] else 0


if __name__ == "__main__":
    sys.exit(main())
