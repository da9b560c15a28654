"""A practice's allow list: replaced by a later check, never by an earlier one, never good for too long, and then gone."""

from datetime import timedelta

import pyarrow as pa
import pytest
from sqlalchemy import insert

from central_zone import keys, national_allow_list, national_status, take_notices, withdraw
from central_zone.erasures.marks import marks_of, uuids
from central_zone.errors import ParcelRefused
from central_zone.store.erasure_tables import mark
from central_zone.store.role_names import AUDITOR, ERASER
from crossing.policy import PolicyRefused
from support.parcels import Keys, patients, tokens
from support.release_world import USE, ReleaseWorld, persons

HERE, THERE = "A10001", "A10002"


@pytest.fixture(scope="module")
def store_url(postgres):
    return postgres.a_store()


@pytest.fixture
def world(tmp_path, store_url):
    made = ReleaseWorld(tmp_path, Keys(tmp_path / "keys").make(), store_url)
    made.empty_the_store()
    return made


def on_list(world: ReleaseWorld, practice: str = HERE) -> set[object]:
    rows = world.query("SELECT patient_token FROM release.national_allow_list WHERE practice_code = :it", it=practice)
    return {token for (token,) in rows}


def as_stored(world: ReleaseWorld, people: pa.Array) -> set[object]:
    return {world.stored(token.as_py()) for token in people}


def test_a_later_check_replaces_the_whole_list_of_its_practice_and_of_no_other(world):
    world.allow(HERE, persons(6), days_ago=7)
    world.allow(THERE, persons(3, 5))
    said = world.allow(HERE, persons(6).slice(4), sequence=2)
    assert (said["list"], said["people"], said["replaced"]) == ("replaced", 2, 6)
    assert on_list(world) == as_stored(world, persons(6).slice(4))
    assert on_list(world, THERE) == as_stored(world, persons(3, 5))


@pytest.mark.parametrize("days_ago", [7, 8])
def test_a_check_that_is_no_later_than_the_one_we_have_changes_nothing(world, days_ago):
    world.allow(HERE, persons(2), days_ago=7, sequence=2)
    said = world.allow(HERE, persons(6), days_ago=days_ago, sequence=1)
    assert (said["list"], said["people"]) == ("superseded", 0)
    assert on_list(world) == as_stored(world, persons(2))


def test_an_old_check_does_not_come_back_after_a_later_one_that_named_nobody(world):
    world.allow(HERE, persons(0), days_ago=1, sequence=2)
    assert world.allow(HERE, persons(6), days_ago=2)["list"] == "superseded"
    assert on_list(world) == set()


def test_a_list_sealed_before_somebodys_erasure_does_not_bring_their_token_back(world):
    gone = persons(6)[2].as_py()
    with world.zone(ERASER) as zone, zone.store.begin() as connection:
        subkey = keys.erasure_subkey(world.keys.folder)
        (person,) = uuids(marks_of(pa.array([world.stored(gone).bytes], pa.binary(16)), subkey))
        whose = {"collection": "gpdpr", "practice_code": HERE, "registration_mark": person, "person_mark": person}
        said = {"said_by": HERE, "said_in": 1, "up_to_sequence": 1, "is_because_of_person": False}
        connection.execute(insert(mark).values(**whose, **said))
    try:
        assert world.allow(HERE, persons(6), days_ago=1)["people"] == 5
        assert on_list(world) == as_stored(world, persons(6)) - {world.stored(gone)}
    finally:
        world.query("DELETE FROM erasure.mark RETURNING 1")


def test_a_list_that_says_it_is_good_for_longer_than_the_law_lets_it_is_refused(world):
    with pytest.raises(ParcelRefused, match="longer than 21 days"):
        world.allow(HERE, persons(6), good_for=21.001)
    assert world.query("SELECT count(*) FROM ledger.notice") == [(0,)]
    assert world.query("SELECT error FROM ledger.refusal") == [("ParcelRefused",)]
    assert on_list(world) == set()


@pytest.mark.parametrize("value", ["22", "0", '"21"'])
def test_policy_cannot_stretch_the_limit(world, value):
    path = world.folder / "opt_outs" / "national.toml"
    path.write_text(
        path.read_text().replace("[expires_after_days]\nvalue = 21", f"[expires_after_days]\nvalue = {value}")
    )
    with pytest.raises(PolicyRefused, match="1 to 21 days"):
        world.allow(HERE, persons(6))


def test_the_sealed_list_is_destroyed_once_it_is_applied_and_its_signature_stays(world):
    sealed = world.seal_list(HERE, persons(6))
    with world.zone(ERASER) as zone:
        said = take_notices._take(zone, sealed.manifest.parcel_id)
        again = take_notices._take(zone, sealed.manifest.parcel_id)
    assert (said["state"], again["state"]) == ("applied", "already")
    assert sorted(path.name for path in sealed.folder.iterdir()) == ["manifest.json", "manifest.sig"]
    assert take_notices.notices_waiting("gpdpr", world.settings) == []


def test_a_sealed_list_left_over_by_a_crash_is_destroyed_the_next_time(world):
    sealed = world.seal_list(HERE, persons(6))
    part = sealed.folder / "part-00000.hpke"
    kept = part.read_bytes()
    with world.zone(ERASER) as zone:
        take_notices._take(zone, sealed.manifest.parcel_id)
        part.write_bytes(kept)
        assert take_notices.notices_waiting("gpdpr", world.settings) == [sealed.manifest.parcel_id]
        assert take_notices._take(zone, sealed.manifest.parcel_id)["state"] == "already"
    assert not part.exists()


def test_what_has_expired_is_deleted_and_what_has_not_is_kept(world):
    world.allow(HERE, persons(6), days_ago=20)
    world.allow(THERE, persons(3, 5))
    for days, left in ((1, 9), (1.001, 3), (21, 3), (21.001, 0)):
        world_then = world.today + timedelta(days=days)
        with world.zone() as zone, zone.store.begin() as connection:
            national_allow_list.delete_expired(connection, world_then)
        assert len(on_list(world)) + len(on_list(world, THERE)) == left


def test_counts_and_no_token_of_a_list_stand_in_the_ledger_and_the_audit_trail(world):
    world.allow(HERE, persons(6))
    said = str(world.query("SELECT outcome::text, manifest::text FROM ledger.notice"))
    said += str(world.query("SELECT event::text FROM audit.entry"))
    assert '"people": 6' in said
    sought = [token.as_py().hex() for token in persons(6)] + [str(token) for token in as_stored(world, persons(6))]
    assert [token for token in sought if token in said or token.replace("-", "") in said] == []


def test_a_person_sees_which_practices_were_checked_and_until_when(world):
    for practice in (HERE, THERE, "A10003"):
        world.load(practice, {})
    world.allow(HERE, persons(6))
    world.allow(THERE, persons(3), days_ago=20.9)
    world.today += timedelta(days=1)
    with world.zone(AUDITOR) as zone:
        found = national_status.status_in(zone)
    assert [(each["practice_code"], each["state"], each["people"]) for each in found] == [
        (HERE, "current", 6),
        (THERE, "expired", 3),
        ("A10003", "never", 0),
    ]


def released_here(world: ReleaseWorld) -> None:
    registrations = tokens(20, 1)
    world.load(HERE, {"patient": patients(20, registration_token=registrations)})
    world.allow(HERE, persons(20))
    world.release()


def withdrawn(world: ReleaseWorld) -> dict[str, str]:
    with world.zone() as zone:
        return withdraw.withdraw_ended(zone)


def test_a_release_stands_as_long_as_its_check_and_is_withdrawn_then(world):
    released_here(world)
    world.today += timedelta(days=21)
    assert withdrawn(world) == {}
    world.today += timedelta(seconds=1)
    assert withdrawn(world) == {USE: "national check has expired"}
    assert world.query("SELECT tablename FROM pg_tables WHERE schemaname = 'release' ORDER BY 1") == [
        ("analyst",),
        ("disclosure",),
        ("national_allow_list",),
        ("released_table",),
    ]
    assert withdrawn(world) == {}


def test_a_release_is_withdrawn_when_its_project_ends_or_its_file_goes(world):
    released_here(world)
    world.change("accredited_until = 2027-09-30", "accredited_until = 2020-09-30")
    assert withdrawn(world) == {USE: "five safes no longer hold"}
    world.change("accredited_until = 2020-09-30", "accredited_until = 2027-09-30")
    world.release()
    (world.folder / "data_uses" / f"{USE}.toml").unlink()
    assert withdrawn(world) == {USE: "use is not in policy"}


def test_a_release_is_withdrawn_when_policy_decides_otherwise_on_the_opt_out_or_the_columns(world):
    """Made without the national opt-out, it holds people who said no; made with a column more, it tells more than it may."""
    released_here(world)
    world.query(
        "UPDATE release.disclosure SET decision = 'exempt', reason = 'consent_to_this_use', "
        "evidence = jsonb_build_object('kind', 'k', 'reference', 'r', 'on', '2026-09-01', 'by', 'b') RETURNING 1"
    )
    assert withdrawn(world) == {USE: "policy has decided otherwise since"}
    world.release()
    assert withdrawn(world) == {}
    world.change('["sex", ', "[")
    assert withdrawn(world) == {USE: "policy has decided otherwise since"}
