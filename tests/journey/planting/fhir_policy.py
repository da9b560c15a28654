"""The elements that policy lists for FHIR R4, and what each holds, as something to plant in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crossing.policy import Policy

Value = Callable[[str], str]  # what to plant in a place
_DEEPEST = 3


@dataclass(frozen=True, slots=True)
class FhirPolicy:
    """policy/fields/fhir_r4.toml, read anew for the tests: they share no code with the adapter."""

    content: Mapping[str, Any]

    @classmethod
    def read(cls) -> "FhirPolicy":
        return cls(Policy().table("fields/fhir_r4.toml"))

    @property
    def places(self) -> set[str]:
        found = {
            f"{part}.{name}"
            for part in ("every_datatype", "every_resource")
            for name, _ in elements(self.content[part])
        }
        for part in ("datatypes", "resources"):
            found |= {
                f"{part}.{kind}.{name}" for kind, lines in self.content[part].items() for name, _ in elements(lines)
            }
        return (
            found
            | {f"extensions.{name}" for name in self.extensions}
            | {f"left_at_source.{kind}" for kind in self.left}
        )

    @property
    def resources(self) -> Mapping[str, Any]:
        return self.content["resources"]  # type: ignore[no-any-return]

    @property
    def left(self) -> list[str]:
        return list(self.content["left_at_source"])

    @property
    def extensions(self) -> list[str]:
        part = self.content["extensions"]
        return [*part["read"], *(name for names in part["dropped"].values() for name in names)]

    def address(self, extension: str) -> str:
        """Parts of an extension go by their bare names, which are spelt like elements."""
        site = self.content["extensions"]["public_sites"][0]
        return f"{site}StructureDefinition/{extension}" if extension[0].isupper() or "-" in extension else extension

    def structure(self, datatype: str, value: Value, depth: int = 0) -> Any:
        """Something of the shape of a datatype, with a value in each of its elements. `*` makes a list of it."""
        name = datatype.removesuffix("*")
        if depth > _DEEPEST:
            return value(f"datatypes.{name}.{next(elements(self.content['datatypes'][name]))[0]}")
        if name == "AsWritten":
            return [{"resourceType": "Medication", "code": {"text": value("every_resource.contained")}}]
        made: dict[str, Any] = {"id": value("every_datatype.id")}
        for element, of in elements(self.content["datatypes"][name]):
            place = f"datatypes.{name}.{element}"
            made[element] = _marked(self.structure(of, value, depth + 1), value(place)) if of else value(place)
        if name not in ("Coding", "Extension"):  # theirs is read, and has a line of its own
            made["extension"] = [
                {"url": self.address(self.extensions[0]), "valueString": value("every_datatype.extension")}
            ]
        if name == "Extension":
            made["url"] = self.address(self.extensions[0])
        return [made] if datatype.endswith("*") else made

    def with_dropped(self, datatype: str, found: Any, value: Value) -> Any:
        """What stands in a delivery, with every element beside it that policy drops of such a datatype."""
        name = datatype.removesuffix("*")
        if isinstance(found, list):
            return [self.with_dropped(name, each, value) for each in found]
        if not isinstance(found, dict) or name not in self.content["datatypes"]:
            return found
        lines = self.content["datatypes"][name]
        inside = {key: self.with_dropped(of, found[key], value) for key, of in elements(lines) if of and key in found}
        beside = {key: value(f"datatypes.{name}.{key}") for key in dropped(lines) if key not in found}
        return {**found, **inside, **beside}


def _marked(made: Any, value: str) -> Any:
    """What an element holds, with a value that is of the element and not of what is in it."""
    if isinstance(made, list):
        return [_marked(each, value) for each in made]
    return {**made, "id": value} if isinstance(made, dict) else value


def elements(lines: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Each element with the datatype that its line names."""
    for name, line in lines.get("elements", {}).items():
        yield name, line.get("of")
    yield from ((name, None) for name in dropped(lines))


def dropped(lines: Mapping[str, Any]) -> list[str]:
    return [name for names in lines.get("dropped", {}).values() for name in names]


def with_leaves(found: Any, value: str) -> Any:
    """The same shape with one value in place of everything in it; addresses of systems stay, or nothing would be read."""
    if isinstance(found, dict):
        inside = {key: each if key in ("system", "url") else with_leaves(each, value) for key, each in found.items()}
        return inside if value in str(inside) else inside | {"id": value}
    if isinstance(found, list):
        return [with_leaves(each, value) for each in found] or [value]
    return value
