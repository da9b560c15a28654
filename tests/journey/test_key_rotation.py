"""A change of token key, through both zones: one token a person at every moment, no night missed, nothing under an old key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journey.both_zones import BothZones, make_both_zones
from journey.rotation_lived import (
    bridge_all,
    every_token,
    key_files,
    query,
    retire_and_destroy,
    rotate,
    stored,
    tokens_of_a_person,
    with_practices,
)
from support.emis_files import PRACTICE, Rows, a_patient, an_observation, guid, write_extract
from support.postgres import Postgres, a_server

pytestmark = pytest.mark.slow

NIGHTS = [f"202609{day:02}010000" for day in range(2, 12)]
NEIGHBOUR = "Y99002"
ANNES, CAROLS = "9990000018", "9990000026"
COUGHS = 30
HERE: Rows = {
    "Admin_Patient": [a_patient("anne", NhsNumber=ANNES), a_patient("bert")],
    "CareRecord_Observation": [
        an_observation("anne", "asthma"),
        *(an_observation("bert", f"cough {number}") for number in range(COUGHS)),
        an_observation("anne", "tomorrow", EffectiveDate="2031-01-01"),  # quarantined at the centre
    ],
    "CareRecord_Problem": [{"ObservationGuid": guid("asthma"), "PatientGuid": guid("anne"), "Deleted": "false"}],
}
THERE: Rows = {
    "Admin_Patient": [a_patient("anne there", NhsNumber=ANNES), a_patient("carol there", NhsNumber=CAROLS)],
    "CareRecord_Observation": [an_observation("anne there", "measles"), an_observation("carol there", "mumps")],
}
NOTHING: Rows = {}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def zones(tmp_path: Path, postgres: Postgres) -> BothZones:
    return with_practices(make_both_zones(tmp_path, postgres), PRACTICE, NEIGHBOUR)


def night(zones: BothZones, number: int, **practices: Rows) -> None:
    """These practices deliver, and what they deliver is loaded."""
    for code, rows in practices.items():
        write_extract(zones.source.incoming / code, rows, NIGHTS[number])
    assert zones.collect(NIGHTS[number]) == {}
    zones.load()


def says_no(name: str, number: int) -> Rows:
    return {"CareRecord_Observation": [an_observation(name, f"no of {name}", "2", EffectiveDate=f"2026-09-0{number}")]}


def test_a_practice_goes_over_with_its_next_night_and_nothing_stays_under_the_old_key(zones: BothZones) -> None:
    night(zones, 0, Y99001=HERE, Y99002=THERE)
    before = every_token(zones)
    assert stored(zones, 1, name="anne", code=PRACTICE) in before
    rotate(zones)
    night(zones, 1, Y99001={"CareRecord_Observation": [an_observation("anne", "wheeze")]})
    assert tokens_of_a_person(zones, stored(zones, 2, name="anne", code=PRACTICE)) == [stored(zones, 2, number=ANNES)]
    assert query(zones, "SELECT practice_code, token_key FROM rotation.practice_key ORDER BY 1") == [
        (PRACTICE, "token-gpdpr-v2"),
        (NEIGHBOUR, "token-gpdpr-v1"),
    ]
    assert len(bridge_all(zones)) == 1
    assert bridge_all(zones) == []
    zones.load()
    after = every_token(zones)
    assert not before & after
    assert len(after) == len(before) + 1
    assert query(zones, "SELECT count(*) FROM records.current_observation") == [(COUGHS + 4,)]
    assert retire_and_destroy(zones, 1)["state"] == "destroyed"
    assert key_files(zones) == ["token-gpdpr-v2.key"]
    assert query(zones, "SELECT count(*) FROM rotation.pair") == [(0,)]
    night(zones, 2, Y99001={"CareRecord_Observation": [an_observation("anne", "one more")]})
    assert query(zones, "SELECT count(*) FROM records.current_observation") == [(COUGHS + 5,)]


def test_a_person_at_two_practices_has_one_token_at_every_moment_and_an_erasure_between_reaches_both(
    zones: BothZones,
) -> None:
    night(zones, 0, Y99001=HERE, Y99002=THERE)
    night(zones, 1, Y99002=says_no("anne there", 2))  # known at the neighbour, whose notice is still to be made
    registrations = [stored(zones, 1, name="anne", code=PRACTICE), stored(zones, 1, name="anne there", code=NEIGHBOUR)]
    assert tokens_of_a_person(zones, *registrations) == [stored(zones, 1, number=ANNES)]
    rotate(zones)
    night(zones, 2, Y99001=NOTHING)
    there_still = [stored(zones, 2, name="anne", code=PRACTICE), registrations[1]]
    assert tokens_of_a_person(zones, *there_still) == [stored(zones, 2, number=ANNES)]
    zones.uphold()
    (said,) = zones.erase()
    assert (said["state"], said["practice_code"]) == ("applied", NEIGHBOUR)
    assert tokens_of_a_person(zones, *there_still) == []
    bridge_all(zones)
    zones.load()
    night(zones, 3, Y99001={"CareRecord_Observation": [an_observation("anne", "after all")]})
    assert query(zones, "SELECT count(*) FROM records.observation") == [(COUGHS + 1,)]  # of bert and carol
    assert retire_and_destroy(zones, 1)["state"] == "destroyed"


def test_somebody_who_comes_to_a_practice_that_went_over_is_the_same_person_at_one_that_did_not(
    zones: BothZones,
) -> None:
    night(zones, 0, Y99001=HERE, Y99002=THERE)
    night(zones, 1, Y99002=says_no("carol there", 2))
    rotate(zones)
    carol: Rows = {
        "Admin_Patient": [a_patient("carol", NhsNumber=CAROLS)],
        "CareRecord_Observation": [an_observation("carol", "cold")],
    }
    night(zones, 2, Y99001=carol)
    both = [stored(zones, 2, name="carol", code=PRACTICE), stored(zones, 1, name="carol there", code=NEIGHBOUR)]
    assert tokens_of_a_person(zones, *both) == [stored(zones, 2, number=CAROLS)]
    zones.uphold()
    zones.erase()
    assert tokens_of_a_person(zones, *both) == []
