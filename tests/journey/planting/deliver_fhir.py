"""Canaries in a Bulk Data export: for every element a resource that differs in it, and what is dropped beside what is kept."""

import copy
import gzip
import json
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from journey.planting.canaries import Canaries
from journey.planting.fhir_policy import FhirPolicy, dropped, elements, with_leaves

FORMAT = "fhir_r4"
Resource = dict[str, Any]
_SUBJECTS = ("subject", "patient")


@dataclass(slots=True)
class Export:
    """The resources of an export by type, as they were delivered."""

    folder: Path
    resources: dict[str, list[Resource]] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, folder: Path) -> "Export":
        found = cls(folder)
        for entry in json.loads((folder / "manifest.json").read_text())["output"]:
            text = _text(folder / entry["file"])
            found.resources.setdefault(entry["type"], []).extend(json.loads(line) for line in text.splitlines() if line)
        return found

    def write(self) -> None:
        manifest = json.loads((self.folder / "manifest.json").read_text())
        for entry in manifest["output"]:
            (self.folder / entry["file"]).unlink()
        manifest["output"] = [self._write(kind, some) for kind, some in self.resources.items()]
        (self.folder / "manifest.json").write_text(json.dumps(manifest))

    def _write(self, kind: str, some: list[Resource]) -> dict[str, Any]:
        file = f"{kind}.ndjson"
        (self.folder / file).write_text("".join(json.dumps(each) + "\n" for each in some))
        return {
            "type": kind,
            "url": f"https://server.example.invalid/fhir/files/{file}",
            "count": len(some),
            "file": file,
        }


@dataclass(slots=True)
class FhirPlanter:
    """One export's planting. `made` remembers the value of a place, so that it is planted everywhere the same."""

    canaries: Canaries
    export: Export
    left_out: Collection[str] = ()
    only: Collection[str] = ()
    policy: FhirPolicy = field(default_factory=FhirPolicy.read)
    made: dict[tuple[str, str], str] = field(default_factory=dict)

    def plant(self) -> None:
        sound = copy.deepcopy(self.export.resources)
        for how in ("word", "number"):
            for kind, resource in self._planted(how, sound):
                self.export.resources.setdefault(kind, []).append(resource)
        self._beside_what_is_kept(sound)
        self.export.write()

    def _planted(self, how: str, sound: dict[str, list[Resource]]) -> Iterator[tuple[str, Resource]]:
        value = partial(self._value, how)
        for kind, lines in self.policy.resources.items():
            for element, of in elements(lines):
                yield from self._with(kind, element, of, f"resources.{kind}.{element}", value, sound)
        for element, of in elements(self.policy.content["every_resource"]):
            yield from self._with("Observation", element, of, f"every_resource.{element}", value, sound)
        for extension in self.policy.extensions:
            if self._wanted(place := f"extensions.{extension}"):
                made = [{"url": self.policy.address(extension), "valueString": value(place), "valueCode": value(place)}]
                yield "Observation", self._like("Observation", sound) | {"extension": made}
        for kind in self.policy.left:
            if self._wanted(place := f"left_at_source.{kind}"):
                yield kind, {"resourceType": kind, "id": value(place), "text": {"div": f"<div>{value(place)}</div>"}}

    def _with(
        self, kind: str, element: str, of: str | None, place: str, value: Any, sound: dict[str, list[Resource]]
    ) -> Iterator[tuple[str, Resource]]:
        """A resource whose element says the value, and one in which each part of the element says one of its own."""
        if not self._wanted(place):
            return
        like = self._like(kind, sound)
        there = like.get(element) or (self.policy.structure(of, lambda _: "x") if of else "x")
        yield kind, like | {element: with_leaves(there, value(place))}
        inside = f"datatypes.{of.removesuffix('*')}" if of else ""
        if of and self._wanted(inside):
            yield kind, self._like(kind, sound) | {element: self.policy.structure(of, value)}

    def _beside_what_is_kept(self, sound: dict[str, list[Resource]]) -> None:
        """Every second resource that was delivered also says everything that policy drops; it must reach the store."""
        value = partial(self._value, "word")
        for kind, some in self.export.resources.items():
            lines = self.policy.resources.get(kind)
            for resource in some[: len(sound.get(kind, ())) : 2] if lines else ():
                for element, of in elements(lines or {}):
                    if of and element in resource:
                        resource[element] = self.policy.with_dropped(of, resource[element], value)
                for element in dropped(lines or {}):
                    if self._wanted(place := f"resources.{kind}.{element}"):
                        resource.setdefault(element, value(place))

    def _like(self, kind: str, sound: dict[str, list[Resource]]) -> Resource:
        """A sound resource with an id of its own; of a type that was not delivered, the least there can be."""
        if kind in sound:
            return copy.deepcopy(random.choice(sound[kind])) | {"id": str(uuid4())}
        patient = random.choice(sound["Patient"])["id"]
        known = {name for name, _ in elements(self.policy.resources[kind])}
        about = {name: {"reference": f"Patient/{patient}"} for name in _SUBJECTS if name in known}
        return {"resourceType": kind, "id": str(uuid4()), **about}

    def _value(self, how: str, place: str) -> str:
        if (how, place) not in self.made:
            plant = self.canaries.word if how == "word" else self.canaries.number
            self.made[how, place] = plant(FORMAT, place)
        return self.made[how, place]

    def _wanted(self, place: str) -> bool:
        return place not in self.left_out and (not self.only or place in self.only)


def note_identities(canaries: Canaries, export: Export) -> None:
    """What the simulator gave out: NHS numbers, names and the like, and the ids of some of each type of resource."""
    for kind, some in export.resources.items():
        for resource in some[:4]:
            canaries.note(FORMAT, f"{kind}.id", resource["id"])
    for patient in export.resources["Patient"]:
        for identifier in patient.get("identifier", ()):
            canaries.note(FORMAT, "Patient.identifier", identifier["value"])


def _text(path: Path) -> str:
    return (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
