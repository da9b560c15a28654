"""Every practice of a collection in turn: what is said travels through Airflow, so it is ids and counts."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from crossing.policy import Policy
from source_zone.memory import MemoryUnreadable
from source_zone.release_practice import release_practice
from source_zone.uphold_practices import NotAllUpheld, NotAllUpheldYet, check_all_upheld, uphold_practices
from support.emis_files import a_patient, an_observation, write_extract
from support.source_zone import SourceZone, a_practice, make_source_zone

FIRST, SECOND = "20260902010000", "20260903010000"


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    """Two practices; anne of the first opts out on the second night."""
    zone = make_source_zone(tmp_path)
    for code, stamp, rows in (
        ("Y99001", FIRST, {"Admin_Patient": [a_patient("anne")]}),
        ("Y99002", FIRST, {"Admin_Patient": [a_patient("bert")]}),
        ("Y99001", SECOND, {"CareRecord_Observation": [an_observation("anne", "no", "2")]}),
    ):
        write_extract(zone.settings.incoming / code, rows, stamp)
        release_practice(zone.release(stamp, a_practice(code)) if code == "Y99001" else other(zone, stamp))
    return zone


def other(zone: SourceZone, stamp: str):
    from source_zone.release import prepare

    return prepare("gpdpr", a_practice("Y99002"), stamp, zone.settings, folder=zone.settings.incoming / "Y99002")


def test_each_is_looked_at_and_what_left_is_told_in_counts(zone: SourceZone) -> None:
    said = uphold_practices("gpdpr", "run", zone.settings)
    assert {name: said[name] for name in ("erased", "sent_again", "wait_for_whole", "failed")} == {
        "erased": 1,
        "sent_again": 0,
        "wait_for_whole": 0,
        "failed": {},
    }
    assert len(said["parcels"]) == 1
    check_all_upheld(said)


def test_one_whose_memory_does_not_open_is_named_and_the_other_is_upheld(zone: SourceZone) -> None:
    broken = zone.settings.memory / "gpdpr" / "Y99002" / "memory.sealed"
    broken.write_bytes(broken.read_bytes()[:-1] + b"?")
    said = uphold_practices("gpdpr", "run", zone.settings)
    assert said["erased"] == 1
    assert said["failed"]["Y99002"].startswith(MemoryUnreadable.__name__)
    with pytest.raises(NotAllUpheld, match="Y99002"):
        check_all_upheld(said)


def test_one_that_a_nights_step_holds_is_looked_at_the_next_time(zone: SourceZone) -> None:
    with zone.release().memory_file().lock():
        said = uphold_practices("gpdpr", "run", zone.settings)
    assert (said["busy"], said["erased"], said["failed"]) == (1, 0, {})
    check_all_upheld(said)
    assert uphold_practices("gpdpr", "run", zone.settings)["erased"] == 1


def test_a_practice_whose_way_in_is_gone_is_still_asked_to_be_erased_of(zone: SourceZone) -> None:
    shutil.rmtree(zone.settings.incoming / "Y99001")
    said = uphold_practices("gpdpr", "run", zone.settings)
    assert (said["erased"], said["failed"]) == (1, {})


def test_one_that_may_succeed_later_is_told_so() -> None:
    with pytest.raises(NotAllUpheldYet, match="Y99001"):
        check_all_upheld({"failed": {"Y99001": "It waits."}, "a_person_must_act": False})


def test_a_step_that_said_nothing_is_no_success() -> None:
    with pytest.raises(NotAllUpheld):
        check_all_upheld(None)


def test_the_list_of_practices_is_read_once_however_many_there_are(
    zone: SourceZone, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has a line for every practice: read for each of them, an hourly run would grow with the square."""
    read = Counter[str]()
    as_it_is = Policy._read

    def counted(policy: Policy, name: str) -> bytes:
        read[name] += 1
        return as_it_is(policy, name)

    monkeypatch.setattr(Policy, "_read", counted)
    uphold_practices("gpdpr", "run", zone.settings)
    assert read["practices.csv"] == 1
