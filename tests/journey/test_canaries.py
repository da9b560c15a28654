"""Unmistakable values in every field of every format, a real night in a real Airflow, and a search of everything it made."""

import pytest

from journey.planting.deliver import STOPPING, listed_places
from leak_search.findings import Findings
from leak_search.search import search
from leak_search.surfaces import Folder
from support.canary_night import Demonstration, parcels_of, states_of_practices
from support.canary_surfaces import allowed, surfaces

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(600)]

FORMATS = list(STOPPING)
_MOST_SECONDS = 120  # a minute on a machine that does nothing else; two cores of CI do several things


@pytest.fixture(scope="module")
def findings(demonstration: Demonstration) -> Findings:
    return search(demonstration.canaries.needles(), surfaces(demonstration))


@pytest.mark.parametrize("format", FORMATS)
def test_every_field_that_policy_lists_holds_a_canary(demonstration: Demonstration, format: str) -> None:
    """A field that is listed and not planted fails here, so that a new one cannot go unsearched."""
    assert listed_places(format) - demonstration.canaries.planted[format] == set()


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_planted_is_in_the_deliveries(demonstration: Demonstration, format: str) -> None:
    """Every word of the format, in what the source zone was given to read; in zips and gzips too."""
    incoming = demonstration.folder / "source" / "incoming" / "canaries"
    wanted = {label for label in demonstration.canaries.known.values() if label.startswith(f"{format}: ")}
    found = {hit.label for hit in search(demonstration.canaries.needles(), [Folder("deliveries", incoming)]).hits}
    assert wanted - found == set()


@pytest.mark.parametrize("format", FORMATS)
def test_a_practice_of_each_format_reached_the_store(demonstration: Demonstration, format: str) -> None:
    states = states_of_practices(demonstration)
    sound = [each for each in demonstration.planted if each.format == format and not each.is_stopped]
    assert sound
    for practice in sound:
        parcels = states[practice.code]["parcels"]
        assert parcels, f"{practice.code} was stopped: {states[practice.code]}"
        assert {each["state"] for each in parcels_of(demonstration, parcels)} == {"loaded"}


def test_what_stops_a_practice_stopped_it(demonstration: Demonstration) -> None:
    states = states_of_practices(demonstration)
    stopped = [each for each in demonstration.planted if each.is_stopped and not each.is_named]
    assert {states[each.code]["state"] for each in stopped} == {"failed"}


def test_nothing_planted_is_anywhere(findings: Findings) -> None:
    """Each line of a failure names the field, the encoding and the place."""
    assert list(findings.lines())[: -len(findings.searched)] == []


def test_every_surface_was_searched_and_held_something(findings: Findings) -> None:
    assert findings.unsearched == {}
    assert findings.unread == []
    assert all(much.pieces and much.bytes for much in findings.searched.values())


def test_the_logs_of_every_process_were_among_it(demonstration: Demonstration) -> None:
    logs = {path.name for path in (demonstration.folder / "logs").rglob("*.log")}
    assert logs >= {"api-server.log", "scheduler.log", "dag-processor.log", "triggerer.log"}
    tasks = [str(path) for path in (demonstration.folder / "logs").rglob("*run_id=canaries/*/*.log")]
    for task in ("pull", "apply_opt_outs", "pseudonymise", "shred"):
        assert any(f"each_shard.{task}" in path for path in tasks)


def test_the_search_takes_less_than_a_minute(findings: Findings) -> None:
    assert sum(much.seconds for much in findings.searched.values()) < _MOST_SECONDS


def test_what_may_hold_identifiers_does(demonstration: Demonstration) -> None:
    """Nobody is on the list who need not be: the deliveries, and keys, which are searched for by others."""
    may = allowed(demonstration)
    assert [each.path.name for each in may] == ["incoming", "keys"]
    assert all(each.why for each in may)
    assert search(demonstration.canaries.needles(), [Folder("deliveries", may[0].path)]).hits
    assert search(demonstration.canaries.needles(), [Folder("keys", may[1].path)]).hits == []
