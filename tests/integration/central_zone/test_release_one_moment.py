"""Every table of a release shows the same moment, however many nights are loaded while it is made. On a real PostgreSQL."""

import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import event

from central_zone import release
from central_zone.chain.walk import walk
from central_zone.store.role_names import AUDITOR
from support.parcels import Keys, events, patients, tokens
from support.release_world import USE, ReleaseWorld, persons

HERE, THERE = "A10001", "A10002"
PEOPLE = 20
EACH = ("encounter", "observation", "appointment")


@pytest.fixture
def world(tmp_path, postgres):
    return ReleaseWorld(tmp_path, Keys(tmp_path / "keys").make(), postgres.a_store())


def a_practice(world: ReleaseWorld, practice: str, seed: int = 2) -> pa.Array:
    whose = tokens(PEOPLE, int(practice[1:]))
    people = persons(PEOPLE, seed)
    world.load(
        practice,
        {"patient": patients(PEOPLE, registration_token=whose, record_token=whose, patient_token=people)},
    )
    return people


def a_night(world: ReleaseWorld, number: int) -> None:
    """One more entry of each kind for one patient of HERE: at any moment there are as many of one kind as of another."""
    whose = tokens(PEOPLE, int(HERE[1:])).slice(number % PEOPLE, 1)
    world.load(
        HERE,
        {kind: events(kind, 1, seed=1_000 * number + at, registration_token=whose) for at, kind in enumerate(EACH)},
    )


def released_amid(world: ReleaseWorld, disturb: Callable[[int], None]) -> tuple[dict[str, Any], int]:
    """A release during which something commits before each table of its own is made; how often that was."""
    times = 0

    def before(_: object, __: object, statement: str, *___: object) -> None:
        nonlocal times
        if "CREATE TABLE" in statement or "CREATE TEMPORARY TABLE" in statement:
            times += 1
            disturb(times)

    with world.zone() as zone:
        event.listen(zone.store, "before_cursor_execute", before)
        return release.release_in(zone, USE), times


def test_nights_that_are_loaded_meanwhile_are_in_all_of_its_tables_or_in_none(world):
    world.allow(HERE, a_practice(world, HERE))
    world.publish()
    said, nights = released_amid(world, lambda number: a_night(world, number))
    assert nights > len(EACH)
    assert len({said["rows"][kind] for kind in EACH}) == 1, said["rows"]
    assert world.release_only()["rows"]["encounter"] == nights


def test_whoever_loads_meanwhile_is_not_held_up_and_the_chain_of_both_holds(world):
    """A list of a practice is taken in the middle: by its own entry of the audit chain, before that of the release."""
    world.allow(HERE, a_practice(world, HERE))
    people = a_practice(world, THERE, seed=5)
    world.publish()
    said, _ = released_amid(world, lambda number: world.allow(THERE, people) if number == 1 else None)
    assert (said["persons_released"], said["practices_without_check"]) == (PEOPLE, [THERE])
    with world.zone(AUDITOR) as zone, zone.store.begin() as connection:
        assert walk(connection).size == 3
    assert world.release_only()["persons_released"] == 2 * PEOPLE


def test_a_release_outlives_the_time_limit_of_the_idle_as_long_as_it_asks(world):
    """One of its connections is idle while the other asks; that worker is not the one that hung."""
    world.allow(HERE, a_practice(world, HERE))
    world.publish()
    world.store_url += "&options=-c%20idle_in_transaction_session_timeout%3D2000"
    said, times = released_amid(world, lambda number: time.sleep(0.6) if number <= len(EACH) + 1 else None)
    assert times > len(EACH)
    assert said["persons_released"] == PEOPLE
