"""Two practices whose deliveries, opt-outs and parcels are at the mercy of a nemesis, and what must then be so in the end."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from simulator.check_digits import nhs_numbers_for_tests
from source_zone.token_key_versions import make_next
from support import killed_world
from support.emis_files import a_patient, an_observation, guid, write_extract
from support.killed_world import COLLECTION, OTHER, PRACTICE, World, make_world
from support.tokens_again import SourceKey, StoreKey

PEOPLE = {practice: [f"{practice}-{number}" for number in range(4)] for practice in (PRACTICE, OTHER)}
NUMBER_OF = {
    name: str(nhs_numbers_for_tests()[900 + place])
    for place, name in enumerate(name for names in PEOPLE.values() for name in names)
}
_DISSENT, _WITHDRAWN = "2", "3"


@dataclass(frozen=True, slots=True)
class AtMercy(World):
    """The file `said` is what each person said last, and is the whole of what is known from outside."""

    def said(self) -> dict[str, bool]:
        path = self.root / "harness" / "said.json"
        return dict(json.loads(path.read_text())) if path.exists() else {}

    def must_not_be_there(self) -> set[bytes]:
        store, found = StoreKey(self.root / "keys" / "central"), set()
        for version in sorted(self.source.keys.glob("token-gpdpr-v*.key")):
            key = SourceKey(self.source.keys, version.name)
            for name, dissents in self.said().items():
                if dissents:
                    spelt = guid(name).strip("{}").upper()
                    found |= {store.token(key.token(name.partition("-")[0], spelt))}
                    found |= {store.token(key.person(NUMBER_OF[name]))}
        return found

    def identifiers(self) -> dict[str, str]:
        return {f"number of {name}": number for name, number in NUMBER_OF.items()}


@dataclass(slots=True)
class Mercy:
    """What a nemesis may do beside ending processes."""

    world: AtMercy
    nights: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PEOPLE, 0))
    damaged: set[str] = field(default_factory=set)
    keys: int = 1

    def deliver(self, practice: str, speaker: int | None) -> None:
        """One more night of a practice; `speaker` changes their mind in it."""
        self.nights[practice] += 1
        night = self.nights[practice]
        names = PEOPLE[practice]
        entries = [
            an_observation(name, f"{name} on {night}", EffectiveDate="2024-02-03") for name in names[night % 2 :]
        ]
        said = self.world.said()
        if speaker is not None:
            name = names[speaker]
            said[name] = not said.get(name, False)
            code = _DISSENT if said[name] else _WITHDRAWN
            # Ties of a day go to dissent, so each word has a day of its own.
            entries.append(an_observation(name, f"{name} says on {night}", code, EffectiveDate=f"2026-08-{night:02}"))
            (self.world.root / "harness" / "said.json").write_text(json.dumps(said))
        people = [a_patient(name, NhsNumber=NUMBER_OF[name]) for name in names]
        tables = {"Admin_Patient": people, "CareRecord_Observation": entries}
        write_extract(self.world.source.incoming / practice, tables, f"202609{night:02}010000")

    def rotate(self) -> None:
        make_next(self.world.source.keys, COLLECTION)
        self.keys += 1

    def carry(self, which: int, *, damaged: bool = False) -> None:
        """Any one of the parcels that left, before or after others; on the way it may lose a byte."""
        waiting = sorted(self.world.source.outbox.glob("[!.]*"))
        if not waiting:
            return
        folder = waiting[which % len(waiting)]
        self._archive(folder)
        part = folder / "part-00000.hpke"
        if damaged and part.exists():
            part.write_bytes(part.read_bytes()[:-1])
            self.damaged.add(folder.name)
        folder.rename(self.world.inbox / folder.name)

    def duplicate(self, which: int) -> None:
        """A parcel that came arrives once more: the same bytes, written anew."""
        there = sorted(self.world.inbox.iterdir())
        if there:
            for path in there[which % len(there)].iterdir():
                path.touch()

    def heal(self) -> None:
        """Everything that left is carried, and what was damaged is sent again."""
        killed_world.carry(self.world)
        for name in self.damaged:
            shutil.rmtree(self.world.inbox / name)
            shutil.copytree(self.world.archive / name, self.world.inbox / name)
        self.damaged.clear()

    def _archive(self, folder: Path) -> None:
        if not (self.world.archive / folder.name).exists():
            shutil.copytree(folder, self.world.archive / folder.name)


def at_mercy(root: Path, store_url: str) -> Mercy:
    make_world(root, store_url)
    return Mercy(AtMercy(root, store_url))


def do(root: str, store_url: str, phase: str, run: str) -> None:
    """One run of one zone, in a process of its own."""
    killed_world.do_in(AtMercy(Path(root), store_url), phase, run, stuck_is_an_error=False)
