"""Every code of an entry, wherever it stands and however it is written: a dissent may be a second code, or an answer.

They are looked for in the line as it came, so that what is dropped unread is looked through too. Nothing found here
travels that is not also the entry's own code; it decides only on what stays.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from source_zone.adapters.fhir_r4.policy import FieldPolicy
from source_zone.adapters.gp_connect.elements import code_text, five_byte_form

_TEXT_OR_NUMBER = rb'\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*"|[0-9-][0-9.eE+-]*)'
_CODES = re.compile(rb'od(?<!postalCod)(?:e|ing)"' + _TEXT_OR_NUMBER)  # code, valueCode, coding
_ELSEWHERE = re.compile(rb'"value(?:Id|String)"' + _TEXT_OR_NUMBER)
_PART_OF_A_CODE = re.compile(r"[A-Za-z0-9.^_\-]+")
_A_DIGIT = re.compile(r"[0-9]")
_A_CODE_OR_LONGER = re.compile(rb"[0-9A-Za-z]{4}")
_DISGUISED = re.compile(rb"\\u00(?:2[dDeE]|3[0-9]|[46][1-9a-fA-F]|[57][0-9aAeEfF])")  # a letter, a digit, .-_^
_MOST_REMEMBERED = 20_000

Found = tuple[bytes, ...]  # texts in their quotes, or numbers


def written_codes(line: bytes) -> Found:
    """As they stand in the line, which need only be JSON."""
    if _DISGUISED.search(line):
        line = msgspec.json.encode(msgspec.json.decode(line))
    found = _CODES.findall(line)
    if b'"valueId"' in line or b'"valueString"' in line:
        found += [each for each in _ELSEWHERE.findall(line) if _A_CODE_OR_LONGER.search(each)]
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Codes:
    """All forms of all codes of an entry, and whether an objection or its withdrawal is among them."""

    forms: frozenset[str] = field(repr=False)
    dissent: bool
    withdrawal: bool


@dataclass(slots=True)
class AllCodes:
    """The codes of entries in every form, each set of them made once."""

    policy: FieldPolicy
    _known: dict[Found, Codes] = field(default_factory=dict, repr=False)
    _further: dict[tuple[Found, tuple[str, ...]], str | None] = field(default_factory=dict, repr=False)

    def of(self, found: Found) -> Codes:
        known = self._known.get(found)
        if known is None:
            forms = frozenset(form for each in found for form in self._forms(_text(each)))
            policy = self.policy
            known = Codes(forms, bool(forms & policy.dissent_codes), bool(forms & policy.withdrawal_codes))
            _forget_if_too_many(self._known)
            self._known[found] = known
        return known

    def further(self, found: Found, own: tuple[str, ...]) -> str | None:
        """All of them but the entry's own, separated by spaces."""
        key = (found, own)
        if key not in self._further:
            _forget_if_too_many(self._further)
            self._further[key] = " ".join(sorted(self.of(found).forms.difference(own))) or None
        return self._further[key]

    def _forms(self, text: str) -> list[str]:
        """As it stands, and as the five bytes by which Read and CTV3 codes are listed, whatever system claims it."""
        code = self.policy.code
        # A code with text around it is looked for by its digits, so that the words around it are not kept.
        whole = code.fullmatch(text)
        parts = [text] if whole else [part for part in _PART_OF_A_CODE.findall(text) if _A_DIGIT.search(part)]
        return [form for part in parts if code.fullmatch(part) for form in (part, five_byte_form(part))]


def _text(written: bytes) -> str:
    if written[:1] == b'"' and b"\\" not in written:
        return written[1:-1].decode("utf-8", "replace").strip()
    return code_text(_json(written))


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _forget_if_too_many(known: dict[Any, Any]) -> None:
    if len(known) >= _MOST_REMEMBERED:
        known.clear()
