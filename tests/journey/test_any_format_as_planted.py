"""Three nights in every format the simulator writes, held against the answer sheet, and searched for identifiers."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journey.canaries import canaries_of, found_in, plain
from journey.conftest import Live
from simulator.formats import formats
from support.simulated_nights import SimulatedNights

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow]

FIRST, SECOND = "Y99001", "Y99002"
EXTRACTS = [(practice, night) for practice in (FIRST, SECOND) for night in ("1", "2", "3")]


@pytest.fixture(scope="module", params=formats())
def lived(request: pytest.FixtureRequest, nights_in: Live) -> SimulatedNights:
    return nights_in(request.param)


def test_only_what_was_broken_failed_until_it_came_again(lived: SimulatedNights) -> None:
    assert {night: [*failed] for night, failed in lived.failed.items()} == {"1": [SECOND], "2": [FIRST]}


def test_there_is_a_parcel_for_every_extract_and_no_other(lived: SimulatedNights) -> None:
    assert sorted(lived.parcels) == EXTRACTS
    assert [lived.manifests[extract].sequence for extract in EXTRACTS] == [1, 2, 3] * 2


@pytest.mark.parametrize("extract", EXTRACTS)
def test_every_count_is_what_was_planted(lived: SimulatedNights, extract: tuple[str, str]) -> None:
    expected, stated = lived.expected(extract), lived.manifests[extract].counts
    assert _as_stated(stated["tables"]) == _as_stated(expected["tables"])
    for name in ("patients_may_leave", "patients_held_back", "reference_rows"):
        assert stated[name] == expected[name], name


@pytest.mark.parametrize("extract", EXTRACTS)
def test_the_parcel_holds_the_rows_it_states(lived: SimulatedNights, extract: tuple[str, str]) -> None:
    held: dict[str, int] = {}
    for table, rows in lived.opened(extract):
        held[table] = held.get(table, 0) + len(rows)
    stated = {name: row["sent"] for name, row in lived.manifests[extract].counts["tables"].items() if row["sent"]}
    assert held == stated


def test_nothing_identifying_is_found_anywhere(lived: SimulatedNights) -> None:
    canaries = canaries_of(lived.zone.settings.incoming)
    assert {where: len(found) for where, text in lived.everything_made() if (found := found_in(text, canaries))} == {}


def test_the_search_would_find_them(lived: SimulatedNights) -> None:
    """Whatever the format calls its patients, the number or id it uses is among what is searched for."""
    incoming = lived.zone.settings.incoming
    listed = json.loads((incoming / "canaries.json").read_text())
    found = set[str]().union(*(found_in(text, canaries_of(incoming)) for text in _delivered(incoming)))
    assert found & {plain(number) for number in listed["nhs_numbers"]}
    assert found & {plain(name) for name in (*listed["patient_guids"], *listed["patient_numbers"])}


def _delivered(incoming: Path) -> Iterator[str]:
    for path in (each for each in incoming.glob("*/**/*") if each.is_file()):
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                yield from (packed.read(name).decode("latin-1") for name in packed.namelist())
        elif path.suffix == ".gz" and path.stat().st_size:
            yield zlib.decompressobj(wbits=31).decompress(path.read_bytes()).decode("latin-1")  # cut off or not
        else:
            yield path.read_bytes().decode("latin-1")


def _as_stated(tables: dict[str, Any]) -> dict[str, Any]:
    names = ("read", "sent", "held_back", "quarantined")
    rows = {table: {name: row[name] for name in names} for table, row in tables.items()}
    return {table: row for table, row in rows.items() if row["read"]}
