"""Every code of an entry, wherever it stands and however it is written: a dissent may be a second code, or an answer.

Nothing found here travels; it decides only on what stays.
"""

import re
from collections.abc import Iterator
from typing import Any

from source_zone.adapters.gp_connect.elements import a_text, code_text, five_byte_form
from source_zone.adapters.gp_connect.policy import FieldPolicy

HOLDS_CODES = frozenset({"code", "coding", "valueCode", "valueId"})
_NOT_OF_THE_ENTRY = frozenset({"contained", "meta", "text"})  # entries of their own; labels and profiles; narrative
_PART_OF_A_CODE = re.compile(r"[A-Za-z0-9.^_\-]+")
_HAS_A_DIGIT = re.compile(r"[0-9]")
_FORMS_KEPT = 50_000


def all_codes(value: object, policy: FieldPolicy) -> frozenset[str]:
    """Of any system, known or not, also one that policy passes over, and out of a code with text around it."""
    found: set[str] = set()
    known = policy.forms
    for written in _written(value):
        if written.__class__ is str:
            found.update(known.get(written) or _forms(written, policy))
        elif written.__class__ is not dict:  # a coding: what is in it comes by itself
            found.update(_forms(written, policy))
    return frozenset(found)


def _written(value: object) -> list[object]:
    """Every value is looked at once, of every entry of every patient: the shortest way round counts here."""
    waiting, found = [value], list[object]()
    while waiting:
        element = waiting.pop()
        if isinstance(element, list):
            waiting.extend(element)
        elif isinstance(element, dict):
            for name, inner in element.items():
                nested = inner.__class__ is dict or inner.__class__ is list
                if name in HOLDS_CODES:
                    found.extend(inner if inner.__class__ is list else (inner,))
                if nested and name not in _NOT_OF_THE_ENTRY:
                    waiting.append(inner)
            if "valueString" in element:
                found.extend(_description_as_text(element))
    return found


def _description_as_text(element: dict[str, Any]) -> Iterator[object]:
    if str(element.get("url")).endswith("descriptionId"):
        yield element["valueString"]


def _forms(written: object, policy: FieldPolicy) -> tuple[str, ...]:
    """As it stands, and as the five bytes by which Read and CTV3 codes are listed, whatever system claims it."""
    forms = tuple(_made_forms(a_text(code_text(written)) or "", policy))
    if isinstance(written, str) and len(policy.forms) < _FORMS_KEPT:
        policy.forms[written] = forms
    return forms


def _made_forms(text: str, policy: FieldPolicy) -> Iterator[str]:
    whole = policy.code.fullmatch(text)
    # A code with text around it is looked for by its digits, so that the words around it are not kept.
    parts = [text] if whole else [part for part in _PART_OF_A_CODE.findall(text) if _HAS_A_DIGIT.search(part)]
    for part in parts:
        if policy.code.fullmatch(part):
            yield part
            yield five_byte_form(part)
