"""A practice that slept through a whole version of the key: two changes are open at once, and people are shared between them."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from journey.both_zones import BothZones, make_both_zones
from journey.rotation_lived import (
    bridge_all,
    query,
    retire_and_destroy,
    rotate,
    stored,
    tokens_of_a_person,
    with_practices,
)
from journey.test_key_rotation import ANNES, HERE, NEIGHBOUR, NOTHING, THERE, night, says_no
from support.emis_files import PRACTICE
from support.postgres import Postgres, a_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def zones(tmp_path: Path, postgres: Postgres) -> BothZones:
    return with_practices(make_both_zones(tmp_path, postgres), PRACTICE, NEIGHBOUR)


def annes_tokens(zones: BothZones, here: int, there: int) -> list[UUID]:
    registrations = [
        stored(zones, here, name="anne", code=PRACTICE),
        stored(zones, there, name="anne there", code=NEIGHBOUR),
    ]
    return tokens_of_a_person(zones, *registrations)


def test_a_practice_that_slept_through_a_version_goes_over_two_keys_at_once(zones: BothZones) -> None:
    night(zones, 0, Y99001=HERE, Y99002=THERE)
    rotate(zones)
    night(zones, 1, Y99001=NOTHING)  # here goes to v2
    rotate(zones)
    night(zones, 2, Y99002=NOTHING)  # there from v1 to v3 at once
    assert annes_tokens(zones, 2, 3) == [stored(zones, 3, number=ANNES)]
    night(zones, 3, Y99001=NOTHING)
    assert annes_tokens(zones, 3, 3) == [stored(zones, 3, number=ANNES)]
    for version in (1, 2):
        assert retire_and_destroy(zones, version)["state"] == "destroyed"


def test_whoever_was_erased_stays_so_where_their_two_practices_are_two_keys_apart(zones: BothZones) -> None:
    night(zones, 0, Y99001=HERE, Y99002=THERE)
    night(zones, 1, Y99002=says_no("anne there", 2))
    zones.uphold()
    zones.erase()
    for number in (2, 3):
        rotate(zones)
        night(zones, number, Y99001=NOTHING)  # here goes ahead, and takes the marks of its people with it
    assert len(bridge_all(zones)) == 2
    zones.load()
    assert query(zones, "SELECT count(*) FROM erasure.mark") == [(2,)]
    assert annes_tokens(zones, 3, 3) == []
    for version in (1, 2):
        assert retire_and_destroy(zones, version)["state"] == "destroyed"
