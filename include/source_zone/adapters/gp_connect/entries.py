"""The entries of a bundle, and what codes each holds. The same code, doctor and day come again and again: each way an

element is written is decoded, and searched for codes, once.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec

from source_zone.adapters.gp_connect.all_codes import HOLDS_CODES, all_codes
from source_zone.adapters.gp_connect.elements import Element
from source_zone.adapters.gp_connect.policy import FieldPolicy

WrittenResource = Mapping[str, msgspec.Raw]  # a resource whose elements nobody has looked into
_NO_CODES: frozenset[str] = frozenset()
_OF_NO_KIND: tuple[None, frozenset[str]] = (None, frozenset())
_WAYS_KEPT = 1_000  # of each element
# A name that `all_codes` looks under, plainly or spelt with escapes.
_CAN_HOLD_CODES = re.compile(rb'\\|"(?:code|coding|valueCode|valueId|valueString)"')
_QUOTE = ord('"')


_decode = msgspec.json.Decoder().decode


class Entry(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One resource of a bundle; `name` is `Type/id`, `codes` is every code in it."""

    kind: str
    resource: Element
    name: str
    codes: frozenset[str]

    def __repr__(self) -> str:
        return f"Entry({self.kind})"


class Entries:
    """Makes entries. Elements written alike are one object, which nobody may change."""

    def __init__(self, policy: FieldPolicy) -> None:
        self._policy = policy
        self._kinds = {f'"{kind}"'.encode(): (kind, elements) for kind, elements in policy.elements.items()}
        self._known: dict[str, dict[bytes, tuple[Any, frozenset[str]]]] = {}  # element -> as written -> value, codes

    def kind(self, written: WrittenResource) -> str | None:
        """The resource's type, where it is of a type of ours, all its elements are, and it contains no other."""
        said = written.get("resourceType")
        kind, known = self._kinds.get(b"" if said is None else bytes(said), _OF_NO_KIND)
        return kind if written.keys() <= known and "contained" not in written else None

    def entry(self, kind: str, written: WrittenResource) -> Entry:
        """Of a resource whose elements are all known: there are then no more names than policy has."""
        try:
            return self._entry(kind, written)
        except ValueError:  # only the standard library can read one of its elements
            return self.entry_of(kind, opened(written), is_contained=False)

    def _entry(self, kind: str, written: WrittenResource) -> Entry:
        known, codes = self._known, _NO_CODES
        resource: dict[str, Any] = {}
        for name, raw in written.items():
            as_written = bytes(raw)
            if as_written[0] == _QUOTE and name not in HOLDS_CODES:
                resource[name] = _decode(as_written)  # a plain text, in which no code is looked for
                continue
            ways = known.get(name)
            value, found = (ways.get(as_written) if ways else None) or self._look(name, as_written)
            resource[name] = value
            if found:
                codes = codes | found if codes else found
        if "valueString" in resource:  # a code, where the element beside it says so
            codes = all_codes(resource, self._policy)
        return Entry(kind, resource, self._name(kind, resource), codes)

    def entry_of(self, kind: str, resource: Element, *, is_contained: bool) -> Entry:
        """What has no id of its own, or one good only inside its container, is named by a hash of itself."""
        name = _hash_name(kind, resource) if is_contained else self._name(kind, resource)
        return Entry(kind, resource, name, all_codes(resource, self._policy))

    def _name(self, kind: str, resource: Element) -> str:
        own = resource.get("id")
        if isinstance(own, str) and self._policy.id.fullmatch(own):
            return f"{kind}/{own}"
        return _hash_name(kind, resource)

    def _look(self, name: str, as_written: bytes) -> tuple[Any, frozenset[str]]:
        value, found = _decode(as_written), _NO_CODES
        if name in HOLDS_CODES or _CAN_HOLD_CODES.search(as_written):
            found = all_codes({name: value}, self._policy)
        ways = self._known.setdefault(name, {})
        if len(ways) >= _WAYS_KEPT:
            ways.clear()
        ways[as_written] = value, found
        return value, found


def opened(written: WrittenResource) -> Element:
    return {name: decoded(bytes(raw)) for name, raw in written.items()}


def decoded(data: bytes) -> Any:
    """msgspec is quick, and stricter than JSON must be: what it turns down, the standard library has the last word on.

    Raises ValueError, or RecursionError.
    """
    try:
        return _decode(data)
    except (ValueError, RecursionError):
        return json.loads(data.decode("utf-8"), parse_constant=_no_such_number)


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(name)


def _hash_name(kind: str, resource: Element) -> str:
    content = json.dumps(resource, sort_keys=True).encode()
    return f"{kind}/content-{hashlib.sha256(content).hexdigest()[:32]}"
