"""What policy/fields/gp_connect.toml says, as a frozen type that answers: read, left at the source, or never heard of."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossing.canonical import TABLES, Kind, column_names
from crossing.errors import PersonMustAct
from crossing.policy import Policy, PolicyRefused

FILE = "fields/gp_connect.toml"
ACTIONS = frozenset({"keep", "token", "generalise", "decide", "drop"})
_CLOSED_COLUMNS = sorted({column for table in TABLES for column in column_names(table, Kind.CLOSED)})
_LOOKS_LIKE_A_TYPE = re.compile(r"[A-Za-z]{1,40}")


class NotInPolicy(PersonMustAct):
    """A record holds something that no reviewer has decided about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy:
    """Which resource types and elements are known, and how their codes and words read in ours."""

    read: Mapping[str, frozenset[str]]  # resource type -> its elements
    left: Mapping[str, frozenset[str]]
    bundle: frozenset[str]
    bundle_entry: frozenset[str]
    code_systems: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(repr=False)  # column -> lower-case word -> ours
    code: re.Pattern[str]
    id: re.Pattern[str]
    harmless_labels: frozenset[str]

    def check_elements(self, kind: object, found: Mapping[str, Any]) -> None:
        """Raises NotInPolicy, naming the type and element only where they look like names and not like data."""
        if not isinstance(kind, str) or (kind not in self.read and kind not in self.left):
            raise NotInPolicy(f"Resource type {_shown(kind)} is not in policy/{FILE}. Have it reviewed and add it.")
        known = self.read.get(kind) or self.left[kind]
        check_names(kind, found, known)

    def word(self, column: str, value: object) -> str | None:
        """Our word for a FHIR one; a word we do not know comes back in lower case, for minimisation to count."""
        return self.first_known_word(column, value)

    def first_known_word(self, column: str, *values: object) -> str | None:
        """The same, where an element says one thing in several ways: the first way that we know."""
        words = self.words[column]
        texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
        known = (words.get(text) or words.get(text.lower()) for text in texts)
        return next((word for word in known if word), None) or (_unknown_word(texts[-1]) if texts else None)


def _unknown_word(text: str) -> str:
    return text.lower() if text.isascii() and len(text) <= 40 else "other"


def check_names(where: str, found: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raises NotInPolicy for a name that is not known. `_name` is FHIR's way to extend a plain value; never read."""
    for name in found:
        if name.removeprefix("_") not in known:
            raise NotInPolicy(f"{where}.{_shown(name)} is not in policy/{FILE}. Have it reviewed and add its line.")


def _shown(name: object) -> str:
    return name if isinstance(name, str) and _LOOKS_LIKE_A_TYPE.fullmatch(name) else "(a name not shown)"


def read_field_policy(policy: Policy) -> FieldPolicy:
    """Raises PolicyRefused where the file lacks a part, or a line lacks its reason."""
    content = policy.table(FILE)
    try:
        return _from_content(content, policy)
    except (KeyError, TypeError, AttributeError, re.error):
        raise PolicyRefused(
            f"policy/{FILE}: a part is missing or has another shape. Restore the reviewed version."
        ) from None


def _from_content(content: dict[str, Any], policy: Policy) -> FieldPolicy:
    every = _elements("every_resource", content["every_resource"])
    return FieldPolicy(
        read={kind: every | _elements(kind, part["elements"]) for kind, part in content["resources"].items()},
        left={
            kind: every | frozenset(part["elements"]) for kind, part in content["left_at_source"].items() if part["why"]
        },
        bundle=_elements("bundle", content["bundle"]),
        bundle_entry=_elements("bundle_entry", content["bundle_entry"]),
        code_systems=dict(content["code_systems"]),
        words={column: _words(column, content["words"].get(column, {}), policy) for column in _CLOSED_COLUMNS},
        code=re.compile(content["code_pattern"]),
        id=re.compile(content["id_pattern"]),
        harmless_labels=frozenset(content["harmless_security_labels"]),
    )


def _elements(where: str, lines: dict[str, dict[str, str]]) -> frozenset[str]:
    for name, line in lines.items():
        crosses = line["action"] not in ("drop", "decide")
        if line["action"] not in ACTIONS or not line["why"] or crosses != ("to" in line):
            raise PolicyRefused(f"policy/{FILE}: {where}.{name} needs an action, a reason, and `to` where it crosses.")
    return frozenset(lines)


def _words(column: str, ours: dict[str, str], policy: Policy) -> dict[str, str]:
    vocabulary = policy.vocabulary(column)
    return {**{word.lower(): word for word in sorted(vocabulary)}, **{word: word for word in vocabulary}, **ours}
