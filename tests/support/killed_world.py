"""Three nights of two small practices through both zones, in steps as Airflow's tasks take them, to be killed anywhere.

Between the zones a carrier moves parcels, and keeps a copy of each as it left: what the store must hold is worked out from those.
"""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from central_zone import load_parcel, release, take_notices
from central_zone import settings as central_settings
from central_zone.register import build_register
from central_zone.register.deliver_lineage import deliver_lineage
from central_zone.store.connection import store_of
from crossing.errors import GPCollectError, PersonMustAct
from crossing.policy import Policy, policy_folder
from simulator.check_digits import nhs_numbers_for_tests
from source_zone import settings as source_settings
from source_zone import shards
from source_zone.make_development_keys import make_development_keys
from source_zone.release import prepare
from source_zone.token_key_versions import make_next
from source_zone.uphold_practices import check_all_upheld, uphold_practices
from support.centre_lived import USE, centre_settings, say_who_is_allowed
from support.emis_files import a_patient, an_observation, guid, write_extract
from support.tokens_again import SourceKey, StoreKey

COLLECTION = "gpdpr"
PRACTICE, OTHER = "Y99001", "Y99002"
DISSENTS, DISSENTS_LATER = "dora", "bob"
PEOPLE = ["anne", "bob", "carl", "dora", *(f"p{number:02}" for number in range(14))]
NUMBER_OF = {name: str(nhs_numbers_for_tests()[500 + place]) for place, name in enumerate(PEOPLE)}
PHASES = ("collect 1", "load 1", "collect 2", "load 2", "collect 3", "load 3")
_STAMPS = {1: "20260902010000", 2: "20260903010000", 3: "20260904010000"}


@dataclass(frozen=True, slots=True)
class World:
    """Everything under one folder, and the store of this URL."""

    root: Path
    store_url: str
    has_rows_in_doubt: bool = False  # the first delivery brings rows that the centre keeps out; else all are sound

    @property
    def source(self) -> source_settings.Settings:
        return source_settings.Settings(
            keys=self.root / "keys" / "source",
            spool=self.root / "source" / "spool",
            memory=self.root / "source" / "memory",
            incoming=self.root / "incoming",
            landing=self.root / "source" / "landing",
            outbox=self.root / "source" / "outbox",
            lineage=self.root / "source" / "lineage",
            policy_folder=self.root / "policy",
        )

    @property
    def central(self) -> central_settings.Settings:
        return centre_settings(
            self.root / "centre", store_url=self.store_url, keys=self.root / "keys" / "central", inbox=self.inbox
        )

    @property
    def inbox(self) -> Path:
        return self.root / "centre" / "inbox"

    @property
    def archive(self) -> Path:
        """Every parcel as it left the source."""
        return self.root / "harness" / "archive"

    def progress(self, phase: str) -> Path:
        """What Airflow would remember: which step of which run comes next, and what the steps before it answered."""
        return self.root / "harness" / f"progress of {phase}.json"

    def must_not_be_there(self) -> set[bytes]:
        """Of who dissents, always; of who dissents later, from when it was said until it was taken back."""
        seen = {path.name for path in (self.root / "harness").glob("after *")}
        gone = {DISSENTS} | ({DISSENTS_LATER} if "after load 2" in seen and "after collect 3" not in seen else set())
        store = StoreKey(self.root / "keys" / "central")
        found = set()
        for version in sorted(self.source.keys.glob("token-gpdpr-v*.key")):
            key = SourceKey(self.source.keys, version.name)
            for name in gone:
                found |= {store.token(key.token(PRACTICE, _spelt(name))), store.token(key.person(NUMBER_OF[name]))}
        return found

    def identifiers(self) -> dict[str, str]:
        numbers = {f"number of {name}": number for name, number in NUMBER_OF.items()}
        names = {f"surname of {name}": f"Surname{name}" for name in PEOPLE}
        return {**numbers, **names, **{f"registration of {name}": _spelt(name) for name in PEOPLE}}

    def note_after(self, phase: str) -> None:
        (self.root / "harness" / f"after {phase}").touch()


def _spelt(name: str) -> str:
    return guid(name).strip("{}").upper()


def make_world(root: Path, store_url: str, *, has_rows_in_doubt: bool = False) -> World:
    world = World(root, store_url, has_rows_in_doubt)
    make_development_keys(root / "keys", Policy().collections())
    for folder in (world.source.outbox, world.source.incoming, world.inbox, world.archive):
        folder.mkdir(parents=True)
    shutil.copytree(policy_folder(), root / "policy")
    practices = root / "policy" / "practices.csv"
    kept = [line for line in practices.read_text().splitlines() if line.startswith(("practice_code", PRACTICE, OTHER))]
    practices.write_text("\n".join(kept) + "\n")
    if has_rows_in_doubt:
        collection = root / "policy" / "collections" / f"{COLLECTION}.toml"
        collection.write_text(
            re.sub("(?m)^largest_quarantined_share = .*$", "largest_quarantined_share = 1.0", collection.read_text())
        )
    return world


def prepare_phase(world: World, phase: str) -> None:
    """What others do before it: suppliers deliver, parcels are carried, keys are made."""
    kind, night = phase.split()
    if kind == "collect":
        deliver(world, int(night), PRACTICE, OTHER)
        if night == "3":
            make_next_key(world)
        return
    if night == "2":
        say_allowed(world)
    carry(world)
    if night == "1":
        _damage(world)


def make_next_key(world: World) -> None:
    """Of the tokens: whoever is collected next is brought to it."""
    make_next(world.source.keys, COLLECTION)


def say_allowed(world: World) -> None:
    """The practice's list of who has not opted out nationally leaves it."""
    release_ = prepare(COLLECTION, world.source.policy().practice(PRACTICE), "allowed", world.source)
    key = SourceKey(world.source.keys)
    people = [key.person(NUMBER_OF[name]) for name in PEOPLE if name not in (DISSENTS, DISSENTS_LATER)]
    say_who_is_allowed(release_, people, sequence=1, good_for=20)


def carry(world: World) -> None:
    """Each parcel that left: a copy for the archive, then into the inbox by one rename. May be stopped anywhere."""
    for folder in sorted(world.source.outbox.glob("[!.]*")):
        draft = world.archive / f".{folder.name}"
        shutil.rmtree(draft, ignore_errors=True)
        if not (world.archive / folder.name).exists():
            shutil.copytree(folder, draft)
            draft.rename(world.archive / folder.name)
        folder.rename(world.inbox / folder.name)


def deliver(world: World, night: int, practice: str, other: str | None = None) -> None:
    """One says no on the first night, another on the second, who says yes again on the third."""
    stamp = _STAMPS[night]
    names = {1: PEOPLE, 2: ["anne", "carl"], 3: ["carl", "p01"]}[night]
    entries = [
        an_observation(name, f"{name} {stamp} {number}", EffectiveDate=f"2024-0{number + 1}-11")
        for name in names
        for number in range(2)
    ]
    said = {1: (DISSENTS, "2"), 2: (DISSENTS_LATER, "2"), 3: (DISSENTS_LATER, "3")}[night]
    entries.append(an_observation(said[0], f"says {stamp}", said[1], EffectiveDate=f"2026-09-0{night}"))
    people = [a_patient(name, NhsNumber=NUMBER_OF[name]) for name in (PEOPLE if night == 1 else names)]
    if night == 1 and world.has_rows_in_doubt:
        entries.append(an_observation("anne", "to come", EffectiveDate="2099-01-01"))
        people.append(a_patient("ancient", DateOfBirth="1790-01-01"))
    tables = {"Admin_Patient": people, "CareRecord_Observation": entries}
    write_extract(world.source.incoming / PRACTICE, tables, stamp)
    if night == 1 and other:
        rows = {"Admin_Patient": [a_patient("olga")], "CareRecord_Observation": [an_observation("olga", "of olga")]}
        write_extract(world.source.incoming / other, rows, stamp)


def _damage(world: World) -> None:
    """The other practice's parcel loses a byte on the way."""
    for folder in world.inbox.iterdir():
        if json.loads((folder / "manifest.json").read_bytes())["practice_code"] == OTHER:
            part = folder / "part-00000.hpke"
            part.write_bytes(part.read_bytes()[:-1])


Step = tuple[str, Callable[[], Any]]


def do(root: str, store_url: str, phase: str, run: str) -> None:
    """One phase, in a process of its own. Begun before under the same `run`, it goes on at the step that did not end.

    What stands after a slash in `run` tells tries apart that are the same run to the zones.
    """
    do_in(World(Path(root), store_url), phase, run)


def do_in(world: World, phase: str, run: str, *, stuck_is_an_error: bool = True) -> None:
    """The same in any world. Where parcels arrive meanwhile, one that has to wait is no error."""
    run_id, progress = run.partition("/")[0], world.progress(phase)
    said = json.loads(progress.read_text()) if progress.exists() else {}
    if said.get("run") != run:
        said = {"run": run, "step": 0, "answers": {}}
    try:
        steps = steps_of(world, phase, run_id, said, stuck_is_an_error=stuck_is_an_error)
        for number, (name, step) in enumerate(steps):  # each is thought of when the one before has been taken
            if number >= said["step"]:
                said["answers"][name] = step()
                said["step"] = number + 1
                _remember(progress, said)
    except GPCollectError:
        if phase.startswith("collect"):  # the teardown of a run that failed
            _shred(world, run_id, said["answers"].get("due", []))
        _remember(progress, {})
        raise


def steps_of(
    world: World, phase: str, run_id: str, said: dict[str, Any], *, stuck_is_an_error: bool = True
) -> Iterator["Step"]:
    """What a phase does, task after task; `said["answers"]` has what the tasks before answered."""
    collects = phase.startswith("collect")
    return _collecting(world, run_id, said) if collects else _loading(world, said, stuck_is_an_error)


def _remember(progress: Path, said: dict[str, Any]) -> None:
    draft = progress.with_suffix(".tmp")
    draft.write_text(json.dumps(said))
    draft.replace(progress)


def _collecting(world: World, run: str, said: dict[str, Any]) -> Iterator[Step]:
    """As dags/collect.py, then dags/uphold_opt_outs.py."""

    yield "due", lambda: shards.practices_due(COLLECTION, world.source)
    for number, shard in enumerate(said["answers"]["due"]):
        for step in (shards.pull_shard, shards.decide_shard, shards.seal_shard):
            yield f"{step.__name__} {number}", partial(_stepped, step, shard, run, world)
        yield f"shred {number}", partial(_shred, world, run, [shard])
    yield "uphold", lambda: check_all_upheld(uphold_practices(COLLECTION, run, world.source))


def _stepped(step: Callable[..., Any], shard: list[str], run: str, world: World) -> list[dict[str, Any]]:
    return _none_failed(step(COLLECTION, shard, run, world.source))


def _shred(world: World, run: str, due: list[list[str]]) -> None:
    for shard in due:
        shards.shred_shard(COLLECTION, shard, run, world.source)


class PracticeFailed(PersonMustAct):
    """As the last task of dags/collect.py says it."""


def _none_failed(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if any(each["state"] == "failed" for each in results if "state" in each):
        raise PracticeFailed("a practice failed")
    return results


def _loading(world: World, said: dict[str, Any], stuck_is_an_error: bool) -> Iterator[Step]:
    """As dags/load.py, dags/erase.py, dags/release.py and dags/publish_register.py."""

    def each(step: Callable[..., Any]) -> Callable[[], list[Any]]:
        return lambda: [step(COLLECTION, shard, world.central) for shard in said["answers"]["waiting"]]

    yield "waiting", lambda: load_parcel.parcels_waiting(COLLECTION, world.central)
    yield "receive", each(load_parcel.receive_shard)
    yield "validate", each(load_parcel.validate_shard)
    yield "decide", lambda: _approve(world)
    yield "load", lambda: _none_stuck(each(load_parcel.load_shard)(), stuck_is_an_error)
    yield "account", lambda: _account(world, said["answers"]["waiting"])
    yield "notices", lambda: take_notices.notices_waiting(COLLECTION, world.central)
    yield "erase", lambda: take_notices.take_notices(said["answers"]["notices"], world.central)
    yield "erased", lambda: take_notices.check_all_taken(said["answers"]["erase"])
    yield "publish", lambda: _publish(world)
    yield "release", lambda: _release(world)


def _approve(world: World) -> None:
    """Stewards let in whatever is held, two where it takes two: the small nights of a simulator have large shares of everything."""
    for by in ("steward", "second steward"):
        for entry in load_parcel.ledger_entries(world.central):
            if entry["state"] == "held":
                said = {"by": by, "reason": "a night of few rows"}
                load_parcel.decide(str(entry["parcel_id"]), approve=True, settings=world.central, **said)


def _none_stuck(results: list[list[dict[str, Any]]], stuck_is_an_error: bool) -> None:
    stuck = [each for shard in results for each in shard if each["state"] not in ("loaded", "refused")]
    if stuck and stuck_is_an_error:
        raise PracticeFailed(f"{len(stuck)} parcels did not load: {stuck[0]['reason']}")


def _account(world: World, waiting: list[list[str]]) -> str:
    """The damaged parcel is told every time; anything else that is not loaded is found by the invariants."""
    try:
        load_parcel.account_for(COLLECTION, [each for shard in waiting for each in shard], world.central)
    except GPCollectError as error:
        return str(error)
    return ""


def _publish(world: World) -> None:
    with store_of(world.central.store_url) as store:
        deliver_lineage(store, world.central.lineage_folder)
    build_register.build(world.central.register_folder, world.central)


def _release(world: World) -> None:
    if _has_list(world):  # before that nobody may be used
        release.release(USE, world.central)


def _has_list(world: World) -> bool:
    return any(
        json.loads(path.read_bytes())["extract_kind"] == "national_allow_list"
        for path in world.archive.glob("*/manifest.json")
    )
