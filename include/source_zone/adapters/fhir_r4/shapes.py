"""Types made of policy: a resource decodes into one only if every element in it, however deep, has a line there.

So the closed list costs nothing: the decoder that reads the values is the check, for each resource anew.
"""

import keyword
from collections.abc import Mapping
from typing import Any

import msgspec

from crossing.policy import PolicyRefused
from source_zone.unshown import Unshown

FILE = "fields/fhir_r4.toml"
ACTIONS = frozenset({"keep", "token", "generalise", "decide"})
_AS_WRITTEN = "AsWritten"
_EXTENSION = "Extension"
_DEEPEST_EXTENSION = 3  # an extension of an extension's coding's extension; what is deeper is dropped unread

Part = Mapping[str, Any]
Field = tuple[str, Any, Any]


class Shapes:
    """The types of all resources that are read."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._datatypes: Part = content["datatypes"]
        self._in_every_datatype: Part = content["every_datatype"]
        self._in_every_resource: Part = content["every_resource"]
        self._made: dict[tuple[str, int], Any] = {}

    def resource(self, kind: str, part: Part) -> Any:
        return self._type(kind, self._in_every_resource, part, 0)

    def datatype(self, name: str, depth: int = 0) -> Any:
        """Datatypes may hold each other, and extensions themselves: `depth` ends that."""
        if name == _AS_WRITTEN or depth > _DEEPEST_EXTENSION:
            return msgspec.Raw
        if (name, depth) not in self._made:
            self._made[name, depth] = self._type(name, self._in_every_datatype, self._datatypes[name], depth)
        return self._made[name, depth]

    def _type(self, name: str, shared: Part, own: Part, depth: int) -> Any:
        fields = {**self._fields(name, shared, depth), **self._fields(name, own, depth)}
        names = {attribute: element for element, (attribute, _, _) in fields.items()}
        return msgspec.defstruct(
            name.replace(".", "_"),
            list(fields.values()),
            bases=(Unshown,),
            rename=names,
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )

    def _fields(self, name: str, part: Part, depth: int) -> dict[str, Field]:
        fields: dict[str, Field] = {}
        for element, line in part.get("elements", {}).items():
            check_line(f"{name}.{element}", line)
            fields |= _with_companion(element, self._of(line.get("of"), depth))
        for why, elements in part.get("dropped", {}).items():
            if not why or not all(isinstance(each, str) for each in elements):
                raise PolicyRefused(f"policy/{FILE}: {name}.dropped needs a reason, and names under it.")
            for element in elements:
                fields |= _with_companion(element, msgspec.Raw)
        return fields

    def _of(self, datatype: str | None, depth: int) -> Any:
        """The type of what an element holds: a value of any kind, which whoever reads it must look at, or a datatype."""
        if datatype is None:
            return Any
        name = datatype.removesuffix("*")
        made = self.datatype(name, depth + 1 if name == _EXTENSION else depth)
        if made is msgspec.Raw:
            return made
        return (list.__class_getitem__(made) if datatype.endswith("*") else made) | None


def check_line(where: str, line: Part) -> None:
    crosses = line["action"] != "decide"
    if line["action"] not in ACTIONS or not line["why"] or crosses != ("to" in line):
        raise PolicyRefused(f"policy/{FILE}: {where} needs an action, a reason, and `to` where it crosses.")


def _with_companion(element: str, type_: Any) -> dict[str, Field]:
    """`_element` is FHIR's way to extend a plain value; never read."""
    attribute = f"{element}_" if keyword.iskeyword(element) else element
    return {
        element: (attribute, type_, None),
        f"_{element}": (f"extended_{element}", msgspec.Raw, None),
    }
