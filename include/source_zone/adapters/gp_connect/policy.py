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
WORDS_KEPT = 10_000
CONSENT_LIST = "codelists/type_one_opt_out.csv"


class NotInPolicy(PersonMustAct):
    """A record holds something that no reviewer has decided about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldPolicy:
    """Which resource types and elements are known, and how their codes and words read in ours."""

    read: Mapping[str, frozenset[str]]  # resource type -> its elements
    left: Mapping[str, frozenset[str]]
    elements: Mapping[str, frozenset[str]]  # of both
    bundle: frozenset[str]
    bundle_entry: frozenset[str]
    code_systems: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(repr=False)  # column -> lower-case word -> ours
    code: re.Pattern[str]
    id: re.Pattern[str]
    harmless_labels: frozenset[str]
    degraded_codes: frozenset[str]
    list_warnings: Mapping[str, str]  # a list's warning -> the name it is counted under
    lists_that_show_all: Mapping[str, frozenset[str]]  # resource type -> the lists that together hold all of it
    standard_types: frozenset[str]  # the resource types that FHIR STU3 has: words that may be printed
    final_statuses: Mapping[str, frozenset[str]]  # resource type -> the statuses in which a withdrawal counts
    dissent_codes: frozenset[str]
    withdrawal_codes: frozenset[str]
    consent_codes: frozenset[str]  # of either
    empty_list_reasons: frozenset[str]  # of an empty list that nevertheless shows all there is
    # Answers given before, as the same codes and pointers come again and again.
    forms: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)  # codes seen, as they are listed
    references: dict[str, str | None] = field(default_factory=dict, repr=False)
    answers: dict[tuple[int, str], tuple[object, Any]] = field(default_factory=dict, repr=False)
    known_words: dict[tuple[str, tuple[object, ...]], str | None] = field(default_factory=dict, repr=False)

    def check_elements(self, kind: object, found: Mapping[str, Any], place: str) -> None:
        """Raises NotInPolicy, naming the type only where it is one of the standard's: any other can be data."""
        if not isinstance(kind, str) or (kind not in self.read and kind not in self.left):
            known_word = isinstance(kind, str) and kind in self.standard_types
            what = f"resource type {kind}" if known_word else "a resource type that is none of the standard's"
            raise NotInPolicy(f"{place}: {what} is not in policy/{FILE}. Have it reviewed and add it.")
        check_names(kind, found, self.elements[kind], place)

    def is_final(self, kind: str, resource: Mapping[str, Any]) -> bool:
        """Whether an entry is finished business, which a withdrawal must be and a dissent need not."""
        final = self.final_statuses.get(kind, frozenset())
        said = [resource.get("status"), *([resource["docStatus"]] if "docStatus" in resource else [])]
        return all(isinstance(status, str) and status in final for status in said)

    def word(self, column: str, value: object) -> str | None:
        """Our word for a FHIR one; a word we do not know comes back in lower case, for minimisation to count."""
        return self.first_known_word(column, value)

    def first_known_word(self, column: str, *values: object) -> str | None:
        """The same, where an element says one thing in several ways: the first way that we know."""
        try:
            return self.known_words[column, values]
        except (KeyError, TypeError):  # a list is no word, and cannot be looked up
            return self._first_known_word(column, values)

    def _first_known_word(self, column: str, values: tuple[object, ...]) -> str | None:
        words = self.words[column]
        texts = [value.strip() for value in values if isinstance(value, str) and value.strip()]
        known = (words.get(text) or words.get(text.lower()) for text in texts)
        found = next((word for word in known if word), None) or (_unknown_word(texts[-1]) if texts else None)
        if len(texts) == len([value for value in values if value is not None]) and len(self.known_words) < WORDS_KEPT:
            self.known_words[column, values] = found
        return found


def _unknown_word(text: str) -> str:
    return text.lower() if text.isascii() and len(text) <= 40 else "other"


def check_names(what: str, found: Mapping[str, Any], known: frozenset[str], place: str) -> None:
    """Raises NotInPolicy for names that are not known, and prints none: an unknown name can be a person's.

    `_name` is FHIR's way to extend a plain value; never read.
    """
    if found.keys() <= known:
        return
    unknown = sum(1 for name in found if name.removeprefix("_") not in known)
    if unknown:
        rule = f"{unknown} of the elements of {what} are not in policy/{FILE}"
        raise NotInPolicy(f"{place}: {rule}. Compare the two; have the new ones reviewed and add their lines.")


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
    read = {kind: every | _elements(kind, part["elements"]) for kind, part in content["resources"].items()}
    left = {
        kind: every | frozenset(part["elements"]) for kind, part in content["left_at_source"].items() if part["why"]
    }
    return FieldPolicy(
        read=read,
        left=left,
        elements=left | read,
        bundle=_elements("bundle", content["bundle"]),
        bundle_entry=_elements("bundle_entry", content["bundle_entry"]),
        code_systems=dict(content["code_systems"]),
        words={column: _words(column, content["words"].get(column, {}), policy) for column in _CLOSED_COLUMNS},
        code=re.compile(content["code_pattern"]),
        id=re.compile(content["id_pattern"]),
        harmless_labels=_harmless(content["security_labels"]),
        degraded_codes=frozenset(code for code, why in content["degraded_codes"].items() if why),
        empty_list_reasons=frozenset(content["empty_list_reasons"]),
        list_warnings=dict(content["list_warnings"]),
        lists_that_show_all={kind: frozenset(lists) for kind, lists in content["lists_that_show_all"].items()},
        standard_types=frozenset(content["fhir_stu3_resource_types"]),
        final_statuses={kind: frozenset(each) for kind, each in content["final_statuses"].items()},
        dissent_codes=(dissents := _consent_codes(policy, "dissent")),
        withdrawal_codes=(withdrawals := _consent_codes(policy, "withdrawal")),
        consent_codes=dissents | withdrawals,
    )


def _consent_codes(policy: Policy, meaning: str) -> frozenset[str]:
    return frozenset(row["code"] for row in policy.rows(CONSENT_LIST) if row["meaning"] == meaning)


def _elements(where: str, lines: dict[str, dict[str, str]]) -> frozenset[str]:
    for name, line in lines.items():
        crosses = line["action"] not in ("drop", "decide")
        if line["action"] not in ACTIONS or not line["why"] or crosses != ("to" in line):
            raise PolicyRefused(f"policy/{FILE}: {where}.{name} needs an action, a reason, and `to` where it crosses.")
    return frozenset(lines)


def _harmless(labels: dict[str, dict[str, str]]) -> frozenset[str]:
    for label, line in labels.items():
        if line["action"] not in ("harmless", "confidential") or not line["why"]:
            raise PolicyRefused(f"policy/{FILE}: the security label {label} needs an action and a reason.")
    return frozenset(label for label, line in labels.items() if line["action"] == "harmless")


def _words(column: str, ours: dict[str, str], policy: Policy) -> dict[str, str]:
    vocabulary = policy.vocabulary(column)
    return {**{word.lower(): word for word in sorted(vocabulary)}, **{word: word for word in vocabulary}, **ours}
