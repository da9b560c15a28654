"""The simulator lists everything identifying that it made up. None of it may be found outside the practices' deliveries."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from journey.both_zones import Journey
from journey.canaries import KINDS, canaries_of, found_in, plain

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow]


@pytest.fixture(scope="module")
def canaries(journey: Journey) -> set[str]:
    return canaries_of(journey.zones.source.incoming)


def everything_made(journey: Journey) -> Iterator[tuple[str, str]]:
    root, source = journey.zones.root, journey.zones.source
    given = (source.incoming, source.policy_folder)  # policy maps postcodes to areas; nothing is written there
    for path in sorted(root.rglob("*")):
        if path.is_file() and not any(path.is_relative_to(folder) for folder in given):
            yield str(path.relative_to(root)), path.read_bytes().decode("latin-1")
    yield "the store", "\n".join(journey.zones.text_of_store())


@pytest.mark.fault(
    "F29",
    injected="identifiers planted in every identifying field of a night",
    happened="none is found in anything that left or was stored",
)
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
    for kind in set(KINDS) - {"patient_numbers"}:  # EMIS has GUIDs in their place
        assert found & {plain(canary) for canary in kinds[kind]}, kind
