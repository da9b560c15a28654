"""Looks for what the simulator listed as identifying, whatever its spacing and case."""

import json
import re
from pathlib import Path

KINDS = ("nhs_numbers", "patient_guids", "patient_numbers", "local_numbers", "phones", "names", "postcodes", "words")
_WORD = re.compile(r"[A-Za-z]{4,}|[0-9]{6,}")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_POSTCODE = re.compile(r"QQ[0-9]{1,2} ?[0-9][A-Z]{2}")
_GAP_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[ -](?=[0-9])")


def found_in(text: str, canaries: set[str]) -> set[str]:
    """Which canaries a text holds, whatever its spacing and case."""
    joined = _GAP_BETWEEN_DIGITS.sub("", text)
    pieces = {*_WORD.findall(text), *_WORD.findall(joined), *_GUID.findall(text), *_POSTCODE.findall(text)}
    return {plain(piece) for piece in pieces} & canaries


def plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def canaries_of(incoming: Path) -> set[str]:
    """Everything identifying in the deliveries of a folder."""
    listed = json.loads((incoming / "canaries.json").read_text())
    wanted = {plain(canary) for kind in KINDS for canary in listed[kind]}
    return wanted | {plain(street.split()[0]) for street in listed["streets"]}
