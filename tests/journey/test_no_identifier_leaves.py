"""The simulator lists everything identifying that it made up. None of it may be found outside the practices' deliveries."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from journey.both_zones import Journey

pytestmark = pytest.mark.slow

_WORD = re.compile(r"[A-Za-z]{4,}|[0-9]{6,}")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_POSTCODE = re.compile(r"QQ[0-9]{1,2} ?[0-9][A-Z]{2}")
_GAP_BETWEEN_DIGITS = re.compile(r"(?<=[0-9])[ -](?=[0-9])")


def found_in(text: str, canaries: set[str]) -> set[str]:
    """Which canaries a text holds, whatever its spacing and case."""
    joined = _GAP_BETWEEN_DIGITS.sub("", text)
    pieces = {*_WORD.findall(text), *_WORD.findall(joined), *_GUID.findall(text), *_POSTCODE.findall(text)}
    return {_plain(piece) for piece in pieces} & canaries


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


@pytest.fixture(scope="module")
def canaries(journey: Journey) -> set[str]:
    listed = json.loads((journey.zones.source.incoming / "canaries.json").read_text())
    kinds = ("nhs_numbers", "patient_guids", "local_numbers", "phones", "names", "postcodes", "words")
    wanted = {_plain(canary) for kind in kinds for canary in listed[kind]}
    return wanted | {_plain(street.split()[0]) for street in listed["streets"]}


def everything_made(journey: Journey) -> Iterator[tuple[str, str]]:
    root = journey.zones.root
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_relative_to(journey.zones.source.incoming):
            yield str(path.relative_to(root)), path.read_bytes().decode("latin-1")
    yield "the store", "\n".join(journey.zones.text_of_store())


def test_nothing_identifying_is_found_in_any_file_or_table(journey: Journey, canaries: set[str]) -> None:
    leaks = {where: len(found) for where, text in everything_made(journey) if (found := found_in(text, canaries))}
    assert leaks == {}


def test_the_search_covers_what_each_zone_makes(journey: Journey) -> None:
    places = {Path(where).parts[0] for where, _ in everything_made(journey)}
    assert places >= {"crossing", "memory", "receipts", "lineage", "register", "the store"}


def test_the_search_would_find_them(journey: Journey, canaries: set[str]) -> None:
    delivered = journey.zones.source.incoming / "Y99001"
    text = "\n".join(path.read_text() for path in delivered.glob("*.csv"))
    kinds = json.loads((journey.zones.source.incoming / "canaries.json").read_text())
    found = found_in(text, canaries)
    for kind in ("nhs_numbers", "patient_guids", "local_numbers", "phones", "names", "postcodes", "words"):
        assert found & {_plain(canary) for canary in kinds[kind]}, kind
