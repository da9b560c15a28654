"""Reading single FHIR elements safely: whatever stands in them, the answer is a value of ours or the name of a rule.

A file can hold anything where the standard promises a shape, so nothing here trusts a type, and nothing raises.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.identified import UNREADABLE_DATE, UNREADABLE_NUMBER

MALFORMED_CODE = "malformed_code"
UNCODED_ENTRY = "uncoded_entry"
DEGRADED_ENTRY = "degraded_entry"
SAYS_NOTHING = (UNCODED_ENTRY, DEGRADED_ENTRY)  # faults of an entry whose meaning no code tells
_KEPT = 5_000  # answers, by what they were found for
_LARGEST_WHOLE = 2**31 - 1
_READ_V2_CHARACTERS = 5
_DATE_TIME = re.compile(
    r"(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<time>\d\d:\d\d(:\d\d)?)(\.(?P<fraction>\d{1,12}))?(?P<zone>Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)

Element = Mapping[str, Any]
_NOTHING: Element = {}


def a_dict(value: object) -> Element:
    return value if isinstance(value, dict) else _NOTHING


def dicts(value: object) -> Sequence[Element]:
    """The objects of a list; a single object counts as a list of one, as some suppliers write it."""
    if value is None:
        return ()
    if isinstance(value, dict):
        return [value]
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else ()


def a_text(value: object) -> str | None:
    """Text that can be encoded; half a surrogate pair, which JSON lets in, cannot."""
    if not isinstance(value, str) or not value:
        return None
    return value if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value) else None


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A date as far as it is known: the first day of what is known, and how much that is."""

    value: date | None = field(default=None, repr=False)  # may be of birth
    precision: str = "unknown"
    fault: str | None = None


_UNDATED = PartialDate()


def partial_date(value: object) -> PartialDate:
    """YYYY, YYYY-MM, YYYY-MM-DD or a date and time, of which the local day counts."""
    if value is None:
        return _UNDATED
    return _partial_date(value) if isinstance(value, str) else PartialDate(fault=UNREADABLE_DATE)


@lru_cache(maxsize=50_000)
def _partial_date(text: str) -> PartialDate:
    matched = _DATE_TIME.fullmatch(text)
    try:
        if not matched:
            return PartialDate(fault=UNREADABLE_DATE)
        first = date(int(matched["year"]), int(matched["month"] or 1), int(matched["day"] or 1))
    except ValueError:
        return PartialDate(fault=UNREADABLE_DATE)
    return PartialDate(first, "day" if matched["day"] else "month" if matched["month"] else "year")


def when(resource: Element, name: str) -> PartialDate:
    """FHIR writes a date as `<name>DateTime`, or as the start of `<name>Period`."""
    plain = f"{name}DateTime"
    return partial_date(resource[plain] if plain in resource else a_dict(resource.get(f"{name}Period")).get("start"))


def instant(value: object) -> tuple[datetime | None, str | None]:
    """(naive UTC, fault). Without a time and its zone there is no instant, and nobody's midnight is made up:

    whether a withdrawal came after a dissent on the same day can hang on it.
    """
    if value is None:
        return None, None
    matched = _DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if not matched:
        return None, UNREADABLE_DATE
    time, fraction, zone = matched.group("time", "fraction", "zone")
    if not time or not zone:
        return None, partial_date(value).fault
    try:
        if zone == "Z" and not fraction:
            return datetime.fromisoformat(f"{matched[0][:10]}T{time}"), None
        at = datetime.fromisoformat(f"{matched[0][:10]}T{time}{zone}")
        at = at.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else at
        return at.astimezone(UTC).replace(tzinfo=None), None
    except (ValueError, OverflowError):
        return None, UNREADABLE_DATE


def number(value: object) -> tuple[float | None, str | None]:
    """(value, fault). JSON lets in numbers beyond what a float holds, and some parsers NaN."""
    if value is None:
        return None, None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None, UNREADABLE_NUMBER
    try:
        as_float = float(value)
    except OverflowError:
        return None, UNREADABLE_NUMBER
    return (as_float, None) if math.isfinite(as_float) else (None, UNREADABLE_NUMBER)


def whole_number(value: object) -> tuple[int | None, str | None]:
    as_float, fault = number(value)
    if as_float is None or fault:
        return None, fault
    return (round(as_float), None) if abs(as_float) <= _LARGEST_WHOLE else (None, UNREADABLE_NUMBER)


def keep(policy: FieldPolicy, element: object, question: str, answer: object) -> tuple[object, Any]:
    """Remembers an answer about an element. Kept with it, so that no other element can take its place in memory."""
    if len(policy.answers) >= _KEPT:
        policy.answers.clear()
    kept = policy.answers[id(element), question] = element, answer
    return kept


def code_text(value: object) -> str:
    """Written as a number, or with a blank at an end, a code is still the code: it may be a dissent."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if type(value) is int else ""


def codes_of(concepts: object) -> set[str]:
    """All codes of some concepts, of whatever system: to tell FHIR's own short lists apart, not to keep."""
    return {str(coding.get("code")) for concept in dicts(concepts) for coding in dicts(concept.get("coding"))}


def actors(resource: Element, element: str) -> list[object]:
    """STU3 lists people now plainly, now one level down."""
    return [each.get("actor", each) for each in dicts(resource.get(element))]


def five_byte_form(code: str) -> str:
    """`9Nu0` and `9Nu0.00` are `9Nu0.`; what is longer than a Read code with its synonym is none."""
    return code[:_READ_V2_CHARACTERS].ljust(_READ_V2_CHARACTERS, ".") if len(code) <= 7 else code


def reference(value: object, policy: FieldPolicy) -> str | None:
    """`Type/id` of a reference, also of an absolute or versioned one. None where it points into its container."""
    text = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(text, str):
        return None
    try:
        return policy.references[text]
    except KeyError:
        return _reference(text, policy)


def _reference(text: str, policy: FieldPolicy) -> str | None:
    parts = (text.split("/_history/", maxsplit=1)[0] if "/_history/" in text else text).rsplit("/", 2)[-2:]
    is_read = len(parts) == 2 and parts[0].isalpha() and policy.id.fullmatch(parts[1])
    name = f"{parts[0]}/{parts[1]}" if is_read else None
    if len(policy.references) >= _KEPT:
        policy.references.clear()
    policy.references[text] = name
    return name


def extensions(element: Element, name: str) -> Sequence[Element]:
    """The extensions whose address ends in this name, whatever version or host the supplier wrote before it."""
    if "extension" not in element:
        return ()
    return [each for each in dicts(element["extension"]) if _is_named(each.get("url"), name)]


def _is_named(url: object, name: str) -> bool:
    return isinstance(url, str) and url.rsplit("/", 1)[-1].removesuffix("-1").endswith(name)


def first_extension(element: Element, name: str) -> Element:
    found = extensions(element, name)
    return found[0] if found else _NOTHING
