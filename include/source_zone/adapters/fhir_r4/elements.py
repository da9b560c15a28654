"""Reading decoded FHIR elements safely: whatever stands in them, the answer is a value of ours or the name of a rule.

The decoder has checked names and nesting, and no values, so nothing here trusts a type, and nothing raises.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from source_zone.adapters.fhir_r4.policy import FieldPolicy
from source_zone.adapters.gp_connect.elements import (
    MALFORMED_CODE,
    UNCODED_ENTRY,
    PartialDate,
    code_text,
    partial_date,
)
from source_zone.adapters.gp_connect.elements import instant as any_instant
from source_zone.identified import UNKNOWN_CODE, UNREADABLE_DATE

FOREIGN_CODE_SYSTEM = "foreign_code_system"
_TIME_OF_DAY = re.compile(r"T\d\d:\d\d(:\d\d)?(\.\d{1,12})?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_NOWHERE = (None, None)
_STAFF = frozenset({"Practitioner", "PractitionerRole"})


@dataclass(frozen=True, slots=True)
class Coded:
    """The code columns of a codeable concept, the rule it breaks if any, and which codings had to be left."""

    columns: dict[str, str] = field(repr=False)
    own: tuple[str, ...] = field(repr=False)
    fault: str | None = None
    left: tuple[str, ...] = field(default=(), repr=False)


@lru_cache(maxsize=20_000)
def day(text: str) -> PartialDate:
    """The same days come again and again; times do not, so only whole days are remembered."""
    return partial_date(text)


def when(value: object, period: Any = None) -> PartialDate:
    """A date, or the start of a period; of a date and time the local day counts."""
    if value is None and period is not None:
        value = period.start
    if type(value) is str:
        if len(value) <= 10:
            return day(value)
        if _TIME_OF_DAY.fullmatch(value, 10):
            return day(value[:10])
    return partial_date(value)


def instant(value: object) -> tuple[datetime | None, str | None]:
    """(naive UTC, fault). Without a time and its zone there is no instant, and nobody's midnight is made up."""
    if type(value) is str and _INSTANT.fullmatch(value):
        try:
            return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None), None
        except (ValueError, OverflowError):
            return None, UNREADABLE_DATE
    return any_instant(value)


@dataclass(slots=True)
class Elements:
    """Elements that need policy to be read."""

    policy: FieldPolicy
    _coded: dict[tuple[Any, ...], Coded] = field(default_factory=dict, repr=False)
    _names: dict[str, tuple[str | None, str | None]] = field(default_factory=dict, repr=False)

    def codes(self, concept: Any, *, snomed_column: str = "snomed_concept_id") -> Coded:
        """Of each system the first coding counts, and a further one is left. The same concept is looked at once."""
        codings = (concept.coding or ()) if concept is not None else ()
        key = (snomed_column, *[(each.system, each.code, _description(each)) for each in codings])
        try:
            known = self._coded.get(key)
        except TypeError:  # a list or an object where a code belongs
            return self._read_codes(key)
        if known is None:
            if len(self._coded) > 20_000:
                self._coded.clear()
            known = self._coded[key] = self._read_codes(key)
        return known

    def _read_codes(self, key: tuple[Any, ...]) -> Coded:
        snomed_column, *codings = key
        reading = _Reading(self.policy, snomed_column)
        for system, code, description in codings:
            reading.take(system, code, description)
        return reading.coded()

    def link(self, reference: Any, *kinds: str) -> str | None:
        """The `Type/id` that a reference points to, also an absolute or versioned one, if it is one of these kinds."""
        kind, name = self._name(reference)
        return name if kind in kinds else None

    def _name(self, reference: Any) -> tuple[str | None, str | None]:
        """(type, `Type/id`). Neither where it points into its container."""
        text = reference.reference if reference is not None else None
        if type(text) is not str:
            return _NOWHERE
        known = self._names.get(text)
        if known is None:
            if len(self._names) > 20_000:
                self._names.clear()
            known = self._names[text] = self._read_name(text)
        return known

    def _read_name(self, text: str) -> tuple[str | None, str | None]:
        kind, _, own = text.split("/_history/", maxsplit=1)[0].rpartition("/")
        kind = kind.rpartition("/")[2]
        if not (kind.isascii() and kind.isalpha()) or not self.policy.id.fullmatch(own):
            return _NOWHERE
        return kind, f"{kind}/{own}"

    def first_link(self, references: Iterable[Any] | None, *kinds: str) -> str | None:
        return next((link for each in references or () if (link := self.link(each, *kinds))), None)

    def staff(self, *people: Any) -> str | None:
        """The first of the staff among them. Patients and relatives are not staff."""
        for person in people:
            if person is not None:
                kind, name = self._name(person)
                if kind in _STAFF:
                    return name
        return None

    def extension(self, element: Any, ending: str) -> Any:
        """The first extension whose address ends in this name, whatever version or host was written before it."""
        for each in element.extension or () if element is not None else ():
            if isinstance(each.url, str) and extension_name(each.url).removesuffix("-1").endswith(ending):
                return each
        return None

    def is_restricted(self, resource: Any) -> bool:
        """Whether a security label keeps it from being shared. A label that cannot be read is one."""
        if resource.meta is None or not resource.meta.security:
            return False
        return not self.labels(resource) <= self.policy.harmless_labels

    def labels(self, resource: Any) -> frozenset[str]:
        meta = resource.meta
        if meta is None or not meta.security:
            return frozenset()
        return frozenset(str(each.code) for each in meta.security)


def extension_name(url: str) -> str:
    return url.rstrip("/").rsplit("/", 1)[-1]


def _description(coding: Any) -> object:
    """The id of the term that was chosen, in whichever of its spellings."""
    for outer in coding.extension or ():
        if isinstance(outer.url, str) and extension_name(outer.url).lower().endswith("sctdescid"):
            parts = outer.extension
            for part in parts if isinstance(parts, list) else ():
                value = part.valueIdentifier.value if part.valueIdentifier is not None else None
                return part.valueId or part.valueString or value
    return None


class _Reading:
    """One concept on its way into columns."""

    def __init__(self, policy: FieldPolicy, snomed_column: str) -> None:
        self._policy, self._snomed_column = policy, snomed_column
        self._found: dict[str, str] = {}
        self._left: list[str] = []
        self._malformed: set[str] = set()
        self._nameless = self._foreign = False

    def take(self, system: object, code: object, description: object) -> None:
        column = self._policy.code_systems.get(_spelt_as_policy(system), "local_code")
        if column == "nothing":
            return
        if code is None:
            self._nameless = True
        elif column == "foreign":
            self._foreign = True
        else:
            self._take(self._snomed_column if column == "snomed_concept_id" else column, code_text(code), description)

    def _take(self, column: str, code: str, description: object) -> None:
        if not self._policy.code.fullmatch(code):
            self._malformed.add(column)
            self._left.append("malformed_supplier_code")
        elif column in self._found:
            self._left.append("further_code_of_the_same_system")
        else:
            self._found[column] = _in_our_shape(column, code)
            chosen = code_text(description)
            if column == self._snomed_column and self._policy.code.fullmatch(chosen):
                self._found["snomed_description_id"] = chosen

    def coded(self) -> Coded:
        """A supplier's own code that is malformed costs only itself, as long as another says what the entry is."""
        own = tuple(sorted({*self._found.values()}))
        if self._malformed and (not self._found or self._malformed != {"local_code"}):
            return Coded(self._found, own, MALFORMED_CODE)
        return Coded(self._found, own, None if self._found else self._why_none(), tuple(self._left))

    def _why_none(self) -> str:
        """A coding whose code is not there says that there was one, and not which."""
        if self._nameless:
            return UNKNOWN_CODE
        return FOREIGN_CODE_SYSTEM if self._foreign else UNCODED_ENTRY


def _spelt_as_policy(system: object) -> str:
    """A slash or an s too many must not make a dissent unknown."""
    text = str(system).strip().rstrip("/")
    return f"http:{text.removeprefix('https:')}" if text.startswith("https:") else text


def _in_our_shape(column: str, code: str) -> str:
    """Read and CTV3 codes are five characters, padded with dots."""
    return code.ljust(5, ".") if column in ("read_v2_code", "ctv3_code") else code
