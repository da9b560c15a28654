"""Canaries in GP Connect bundles: resources that differ in one element, in the bundles of patients who have a record."""

import copy
import json
import random
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from crossing.policy import Policy
from journey.planting.canaries import Canaries
from journey.planting.fhir_policy import with_leaves

FORMAT = "gp_connect"
Resource = dict[str, Any]


def read_policy() -> Mapping[str, Any]:
    return Policy().table(f"fields/{FORMAT}.toml")


def places(content: Mapping[str, Any]) -> set[str]:
    found = {f"{part}.{name}" for part in ("bundle", "bundle_entry", "every_resource") for name in content[part]}
    found |= {f"resources.{kind}.{name}" for kind, part in content["resources"].items() for name in part["elements"]}
    return found | {f"{kind}.{name}" for kind, part in content["left_at_source"].items() for name in part["elements"]}


@dataclass(slots=True)
class GPConnectPlanter:
    """Bundles by file name; a bundle is one patient's record."""

    canaries: Canaries
    folder: Path
    left_out: Collection[str] = ()
    only: Collection[str] = ()
    content: Mapping[str, Any] = field(default_factory=read_policy)

    def plant(self) -> None:
        paths = sorted(self.folder.glob("*.json"))
        bundles = [json.loads(path.read_text()) for path in paths]
        samples = _samples(bundles)
        for number, resource in enumerate(self._planted(samples)):
            if resource["resourceType"] == "Patient":  # a bundle is about one
                bundles.append(bundles[0] | {"entry": [{"resource": resource}]})
            else:
                bundle = bundles[number % len(paths)]
                bundle["entry"].append({"resource": _of_patient(resource, bundle)})
        self._around_resources(bundles[: len(paths)])
        paths += [self.folder / f"{uuid4()}.json" for _ in bundles[len(paths) :]]
        for path, bundle in zip(paths, bundles, strict=True):
            path.write_text(json.dumps(bundle))

    def _planted(self, samples: dict[str, list[Resource]]) -> Iterator[Resource]:
        for kind, element, place in self._elements():
            for value in self._values(place):
                like = _like(kind, samples)
                yield like | {element: with_leaves(like.get(element) or [{"text": "x"}], value)}

    def _elements(self) -> Iterator[tuple[str, str, str]]:
        for kind, part in self.content["resources"].items():
            yield from ((kind, name, f"resources.{kind}.{name}") for name in part["elements"])
        for kind, part in self.content["left_at_source"].items():
            yield from ((kind, name, f"{kind}.{name}") for name in part["elements"])
        yield from (("Observation", name, f"every_resource.{name}") for name in self.content["every_resource"])

    def _around_resources(self, bundles: list[Resource]) -> None:
        for number, element in enumerate(self.content["bundle"]):
            for step, value in enumerate(self._values(f"bundle.{element}")):
                bundle = bundles[(number + step * len(bundles) // 2) % len(bundles)]
                bundle[element] = with_leaves(bundle.get(element, {"text": "x"}), value) if element != "entry" else (
                    [*bundle["entry"], {"fullUrl": value}]
                )  # fmt: skip
        for number, element in enumerate(self.content["bundle_entry"]):
            for step, value in enumerate(self._values(f"bundle_entry.{element}")):
                entry = bundles[number % len(bundles)]["entry"][-1 - step]
                entry[element] = with_leaves(entry.get(element, {"text": "x"}), value) if element != "resource" else (
                    entry["resource"] | {"text": {"div": value}}
                )  # fmt: skip

    def _values(self, place: str) -> list[str]:
        if place in self.left_out or (self.only and place not in self.only):
            return []
        return [self.canaries.word(FORMAT, place), self.canaries.number(FORMAT, place)]


def note_identities(canaries: Canaries, folder: Path) -> None:
    for path in sorted(folder.glob("*.json")):
        entries = [entry["resource"] for entry in json.loads(path.read_text())["entry"]]
        for identifier in entries[0].get("identifier", ()):
            canaries.note(FORMAT, "Patient.identifier", identifier["value"])
        for resource in entries[:3]:
            canaries.note(FORMAT, f"{resource['resourceType']}.id", resource["id"])


def _samples(bundles: list[Resource]) -> dict[str, list[Resource]]:
    samples: dict[str, list[Resource]] = {}
    for bundle in bundles:
        for entry in bundle["entry"]:
            samples.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return samples


def _like(kind: str, samples: dict[str, list[Resource]]) -> Resource:
    resource = copy.deepcopy(random.choice(samples[kind])) if kind in samples else {"resourceType": kind}
    return resource | {"id": str(uuid4())}


def _of_patient(resource: Resource, bundle: Resource) -> Resource:
    """About the patient of the bundle it is put in, unless it is the subject that was planted."""
    patient = next(each["resource"]["id"] for each in bundle["entry"] if each["resource"]["resourceType"] == "Patient")
    for name in ("subject", "patient"):
        if str(resource.get(name, {})).find("Patient/") >= 0:
            resource[name] = {"reference": f"Patient/{patient}"}
    return resource
