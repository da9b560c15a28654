"""How complete a record says it is: which lists it holds, and what those warn of.

A list of the standard names everything of its kind. So an entry that was there and is no longer was deleted only where
its list is there, and no list of the record says that something was left out.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from source_zone.adapters.gp_connect.elements import Element, codes_of, extensions
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.policy import FieldPolicy

_OTHER_WARNING = "other_warning"


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of one record, or of several of one person together."""

    lists: frozenset[str] = frozenset()
    warnings: frozenset[str] = frozenset()

    def and_(self, other: "Completeness") -> "Completeness":
        return Completeness(self.lists | other.lists, self.warnings | other.warnings)

    def shows_all(self, kind: str, policy: FieldPolicy) -> bool:
        needed = policy.lists_that_show_all.get(kind)
        return needed is not None and needed <= self.lists and not self.warnings


def completeness(entries: Iterable[Entry], policy: FieldPolicy) -> Completeness:
    lists = [entry.resource for entry in entries if entry.kind == "List"]
    shown = frozenset(code for each in lists if _is_whole(each, policy) for code in codes_of(each.get("code")))
    return Completeness(shown, frozenset(warning for each in lists for warning in _warnings(each, policy)))


def _is_whole(resource: Element, policy: FieldPolicy) -> bool:
    """An empty list can also say that nobody was asked, or that what there is was withheld."""
    empty = codes_of(resource.get("emptyReason"))
    return resource.get("status") == "current" and empty <= policy.empty_list_reasons and _says_why(resource, empty)


def _says_why(resource: Element, empty: set[str]) -> bool:
    return "emptyReason" not in resource or bool(empty)


def _warnings(resource: Element, policy: FieldPolicy) -> Iterator[str]:
    for extension in extensions(resource, "ListWarningCode"):
        codes = {str(extension["valueCode"])} if "valueCode" in extension else set[str]()
        codes |= codes_of(extension.get("valueCodeableConcept"))
        yield from (policy.list_warnings.get(code, _OTHER_WARNING) for code in codes or {""})
