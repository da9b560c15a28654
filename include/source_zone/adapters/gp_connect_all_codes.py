"""Every code of an entry, wherever it stands and however it is written: a dissent may be a second code, or an answer.

Nothing found here travels; it decides only on what stays.
"""

import re
from collections.abc import Iterator
from typing import Any

from source_zone.adapters.gp_connect_elements import a_text, code_text, five_byte_form
from source_zone.adapters.gp_connect_policy import FieldPolicy

_HOLDS_CODES = frozenset({"code", "coding", "valueCode", "valueId"})
_NOT_OF_THE_ENTRY = frozenset({"contained", "meta", "text"})  # entries of their own; labels and profiles; narrative
_PART_OF_A_CODE = re.compile(r"[A-Za-z0-9.^_\-]+")
_HAS_A_DIGIT = re.compile(r"[0-9]")


def all_codes(value: object, policy: FieldPolicy) -> set[str]:
    """Of any system, known or not, also one that policy passes over, and out of a code with text around it."""
    return {form for written in _written(value) for form in _forms(written, policy)}


def _written(value: object) -> Iterator[object]:
    waiting = [value]
    while waiting:
        element = waiting.pop()
        if isinstance(element, list):
            waiting.extend(element)
        elif isinstance(element, dict):
            yield from _written_here(element)
            waiting.extend(inner for name, inner in element.items() if name not in _NOT_OF_THE_ENTRY)


def _written_here(element: dict[str, Any]) -> Iterator[object]:
    for name in _HOLDS_CODES & element.keys():
        found = element[name]
        yield from found if isinstance(found, list) else [found]
    if str(element.get("url")).endswith("descriptionId"):
        yield element.get("valueString")


def _forms(written: object, policy: FieldPolicy) -> Iterator[str]:
    """As it stands, and as the five bytes by which Read and CTV3 codes are listed, whatever system claims it."""
    text = a_text(code_text(written)) or ""
    whole = policy.code.fullmatch(text)
    # A code with text around it is looked for by its digits, so that the words around it are not kept.
    parts = [text] if whole else [part for part in _PART_OF_A_CODE.findall(text) if _HAS_A_DIGIT.search(part)]
    for part in parts:
        if policy.code.fullmatch(part):
            yield part
            yield five_byte_form(part)
