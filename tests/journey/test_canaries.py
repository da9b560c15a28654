"""Unmistakable values in every field of every format, a real night in a real Airflow, and a search of everything it made."""

from collections.abc import Iterator

import pytest

from journey.planting.deliver import STOPPING, listed_places
from leak_search.findings import Findings
from leak_search.search import search
from leak_search.surfaces import Folder
from support.canary_night import CanaryNight, a_night, parcels_of, states_of_practices
from support.canary_surfaces import allowed, surfaces

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(600)]

FORMATS = list(STOPPING)
_MOST_SECONDS = 120  # a minute on a machine that does nothing else; two cores of CI do several things


@pytest.fixture(scope="module")
def night() -> Iterator[CanaryNight]:
    with a_night() as lived:
        yield lived


@pytest.fixture(scope="module")
def findings(night: CanaryNight) -> Findings:
    return search(night.canaries.needles(), surfaces(night))


@pytest.mark.parametrize("format", FORMATS)
def test_every_field_that_policy_lists_holds_a_canary(night: CanaryNight, format: str) -> None:
    """A field that is listed and not planted fails here, so that a new one cannot go unsearched."""
    assert listed_places(format) - night.canaries.planted[format] == set()


def test_what_was_planted_is_in_the_deliveries(night: CanaryNight) -> None:
    """Every value, in what the source zone was given to read; in zips and gzips too."""
    incoming = night.folder / "source" / "incoming" / "canaries"
    found = {hit.label for hit in search(night.canaries.needles(), [Folder("deliveries", incoming)]).hits}
    assert {*night.canaries.known.values()} - found == set()


@pytest.mark.parametrize("format", FORMATS)
def test_a_practice_of_each_format_reached_the_store(night: CanaryNight, format: str) -> None:
    states = states_of_practices(night)
    sound = [each for each in night.planted if each.format == format and not each.is_stopped]
    assert sound
    for practice in sound:
        parcels = states[practice.code]["parcels"]
        assert parcels, f"{practice.code} was stopped: {states[practice.code]}"
        assert {each["state"] for each in parcels_of(night, parcels)} == {"loaded"}


def test_what_stops_a_practice_stopped_it(night: CanaryNight) -> None:
    states = states_of_practices(night)
    stopped = [each for each in night.planted if each.is_stopped and not each.is_named]
    assert {states[each.code]["state"] for each in stopped} == {"failed"}


def test_nothing_planted_is_anywhere(findings: Findings) -> None:
    """Each line of a failure names the field, the encoding and the place."""
    assert list(findings.lines())[: -len(findings.searched)] == []


def test_every_surface_was_searched_and_held_something(findings: Findings) -> None:
    assert findings.unsearched == {}
    assert findings.unread == []
    assert all(much.pieces and much.bytes for much in findings.searched.values())


def test_the_logs_of_every_process_were_among_it(night: CanaryNight) -> None:
    logs = {path.name for path in (night.folder / "logs").rglob("*.log")}
    assert logs >= {"api-server.log", "scheduler.log", "dag-processor.log", "triggerer.log"}
    tasks = [str(path) for path in (night.folder / "logs").rglob("*run_id=canaries/*/*.log")]
    for task in ("pull", "apply_opt_outs", "pseudonymise", "shred"):
        assert any(f"each_shard.{task}" in path for path in tasks)


def test_the_search_takes_less_than_a_minute(findings: Findings) -> None:
    assert sum(much.seconds for much in findings.searched.values()) < _MOST_SECONDS


def test_what_may_hold_identifiers_does(night: CanaryNight) -> None:
    """Nobody is on the list who need not be: deliveries, the policy that maps postcodes, and keys, which are no canaries."""
    incoming, keys, policy = allowed(night)
    assert all(each.why for each in (incoming, keys, policy))
    assert [each.path.name for each in (incoming, keys, policy)] == ["incoming", "keys", "policy"]
    needles = list(night.canaries.needles())
    assert search(needles, [Folder("deliveries", incoming.path)]).hits
    assert search(needles, [Folder("policy", policy.path)]).hits
    assert search(needles, [Folder("keys", keys.path)]).hits == []
