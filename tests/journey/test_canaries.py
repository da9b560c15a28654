"""Unmistakable values in every field of every format, a real night in a real Airflow, and a search of everything it made."""

from typing import Any

import pytest

from demo.places import COLLECTION
from journey.planting.deliver import STOPPING, listed_places
from leak_search.findings import Findings
from leak_search.search import search
from leak_search.surfaces import Folder
from support.canary_surfaces import allowed, surfaces
from support.requests_of_people import questions, signed_in
from support.served_by_airflow import keep_what_is_served
from support.third_night import REASON, RUN, ThirdNight

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(600)]

FORMATS = list(STOPPING)
_MOST_SECONDS = 120  # a minute on a machine that does nothing else; two cores of CI do several things


@pytest.fixture(scope="module")
def night(third_night: ThirdNight) -> ThirdNight:
    """Whatever else looks at the third night has looked (tests/conftest.py)."""
    third_night.end()
    keep_what_is_served(third_night.shown, [each.code for each in third_night.planted], third_night.shown.served)
    return third_night


@pytest.fixture(scope="module")
def findings(night: ThirdNight) -> Findings:
    return search(night.canaries.needles(), surfaces(night))


@pytest.fixture(scope="module")
def at_home(night: ThirdNight) -> Findings:
    """In the few places that may hold identifiers."""
    incoming, keys, policy = allowed(night)
    looked_at = [Folder("deliveries", incoming.path / "canaries"), Folder("keys", keys.path)]
    return search(night.canaries.needles(), [*looked_at, Folder("policy", policy.path)])


@pytest.fixture(scope="module")
def practices(night: ThirdNight) -> dict[str, dict[str, Any]]:
    """What the source says became of each planted practice."""
    codes = {each.code for each in night.planted}
    (said,) = night.shown.says(("gp-source", "status", "--collection", COLLECTION, "--json"))
    return {each["practice_code"]: each for each in said.as_json() if each["practice_code"] in codes}


@pytest.fixture(scope="module")
def parcels(night: ThirdNight) -> dict[str, str]:
    """What the centre says became of each parcel."""
    return {each["parcel_id"]: each["state"] for each in night.shown.ledger()}


@pytest.mark.parametrize("format", FORMATS)
def test_every_field_that_policy_lists_holds_a_canary(night: ThirdNight, format: str) -> None:
    """A field that is listed and not planted fails here, so that a new one cannot go unsearched."""
    assert listed_places(format) - night.canaries.planted[format] == set()


def test_what_was_planted_is_in_the_deliveries(night: ThirdNight, at_home: Findings) -> None:
    """Every value, in what the source zone was given to read; in zips and gzips too."""
    found = {hit.label for hit in at_home.hits if hit.surface == "deliveries"}
    assert {*night.canaries.known.values()} - found == set()


@pytest.mark.parametrize("format", FORMATS)
def test_a_practice_of_each_format_reached_the_store(
    night: ThirdNight, practices: dict[str, dict[str, Any]], parcels: dict[str, str], format: str
) -> None:
    sound = [each for each in night.planted if each.format == format and not each.is_stopped]
    assert sound
    for practice in sound:
        sent = practices[practice.code]["parcels"]
        assert sent, f"{practice.code} was stopped: {practices[practice.code]}"
        assert {parcels[each] for each in sent} == {"loaded"}
        assert all([*(night.folder / "crossing" / each).glob("part-*")] for each in sent), (
            "so they are opened and searched"
        )


def test_what_stops_a_practice_stopped_it(night: ThirdNight, practices: dict[str, dict[str, Any]]) -> None:
    stopped = [each for each in night.planted if each.is_stopped and not each.is_named]
    assert {practices[each.code]["state"] for each in stopped} == {"failed"}


def test_stewards_were_asked_about_planted_practices_and_the_answer_is_among_what_is_searched(
    night: ThirdNight,
) -> None:
    """Airflow's table of questions and answers is its database's, and the same was served."""
    asked = [each["practice_code"] for each in night.asked]
    assert {each.code for each in night.planted} & {*asked}
    with signed_in(night.shown, "steward") as client:
        kept = questions(client)
    assert {code for code in asked for each in kept if code in each["subject"]} == {*asked}
    assert [each["params_input"] for each in kept if each["response_received"]] == [{"reason": REASON}]
    served = [path.read_text(errors="replace") for path in night.shown.served.glob("steward-*")]
    for code in (*asked, REASON):
        assert any(code in text for text in served), code


def test_nothing_planted_is_anywhere(findings: Findings) -> None:
    """Each line of a failure names the field, the encoding and the place."""
    assert list(findings.lines())[: -len(findings.searched)] == []


def test_every_surface_was_searched_and_held_something(findings: Findings) -> None:
    assert findings.unsearched == {}
    assert findings.unread == []
    assert all(much.pieces and much.bytes for much in findings.searched.values())


def test_the_logs_of_every_process_were_among_it(night: ThirdNight) -> None:
    logs = {path.name for path in (night.folder / "logs").rglob("*.log")}
    assert logs >= {"api-server.log", "scheduler.log", "dag-processor.log", "triggerer.log"}
    tasks = [str(path) for path in (night.folder / "logs").rglob("*.log") if f"run_id={RUN}" in str(path)]
    for task in ("pull", "apply_opt_outs", "pseudonymise", "shred"):
        assert any(f"each_shard.{task}" in path for path in tasks)


def test_the_search_takes_less_than_a_minute(findings: Findings) -> None:
    assert sum(much.seconds for much in findings.searched.values()) < _MOST_SECONDS


def test_what_may_hold_identifiers_does(night: ThirdNight, at_home: Findings) -> None:
    """Nobody is on the list who need not be: deliveries, the policy that maps postcodes, and keys, which are no canaries."""
    assert all(each.why for each in allowed(night))
    assert [each.path.name for each in allowed(night)] == ["incoming", "keys", "policy"]
    assert {hit.surface for hit in at_home.hits} == {"deliveries", "policy"}
    assert {name for name, much in at_home.searched.items() if much.pieces} == {"deliveries", "keys", "policy"}
    assert (at_home.unsearched, at_home.unread) == ({}, [])
