"""A release: who is in it, who is not and why, and under which tokens. On a real PostgreSQL."""

import hashlib
import hmac
import threading
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from central_zone.erasures.agree import lock_alone
from central_zone.erasures.from_release import erase_from_release
from central_zone.erasures.marks import tokens_of
from central_zone.errors import CohortTooSmall, TooFewPracticesChecked
from central_zone.materialise import CITATION
from central_zone.store.role_names import ERASER
from support.parcels import Keys, events, patients, tokens
from support.release_world import USE, ReleaseWorld, persons

HERE, THERE, ELSEWHERE = "A10001", "A10002", "A10003"


@pytest.fixture(scope="module")
def store_url(postgres):
    return postgres.a_store()


@pytest.fixture
def world(tmp_path, store_url):
    made = ReleaseWorld(tmp_path, Keys(tmp_path / "keys").make(), store_url)
    made.empty_the_store()
    return made


def a_practice(world: ReleaseWorld, practice: str = HERE, number: int = 20, seed: int = 2, **columns: Any) -> pa.Array:
    """Patients with two encounters and three observations each; their person tokens."""
    registrations = tokens(number, int(practice[1:]))
    about = {"registration_token": registrations, "record_token": registrations, "patient_token": persons(number, seed)}
    whose = {name: pa.chunked_array([registrations] * 3).combine_chunks() for name in ("registration_token",)}
    world.load(
        practice,
        {
            "patient": patients(number, **{**about, **columns}),
            "observation": events("observation", 3 * number, seed=int(practice[1:]) + 1, **whose),
            "encounter": events(
                "encounter",
                2 * number,
                seed=int(practice[1:]) + 2,
                registration_token=pa.chunked_array([registrations] * 2).combine_chunks(),
            ),
        },
    )
    return {**about, **columns}["patient_token"]


def t3(world: ReleaseWorld, token: bytes, use: str = USE, version: int = 1) -> UUID:
    """Written a second time from the published description, with the standard library alone."""
    store_key = (world.keys.folder / "store-v1.key").read_bytes()
    extracted = hmac.digest(b"\x00" * 32, store_key, "sha256")
    project_key = hmac.digest(extracted, f"gp-collect|project|{use}|v{version}".encode() + b"\x01", "sha256")
    stored = world.stored(token).hex
    return UUID(bytes=hmac.new(project_key.hex().encode(), stored.encode(), hashlib.sha256).digest()[:16])


def test_only_who_is_on_the_allow_list_is_released_with_listed_columns_alone(world):
    people = a_practice(world)
    world.allow(HERE, people.slice(0, 15))
    said = world.release()
    assert (said["persons_checked"], said["excluded_opted_out"], said["persons_released"]) == (20, 5, 15)
    assert said["rows"] == {"patient": 15, "encounter": 30, "observation": 45, "appointment": 0}
    allowed = {t3(world, token.as_py()) for token in people.slice(0, 15)}
    for table in ("patient", "encounter", "observation"):
        assert {token for (token,) in world.released(table, "patient_token")} == allowed
    columns = world.query(f"SELECT column_name FROM information_schema.columns WHERE table_name = '{USE}__encounter'")
    assert {name for (name,) in columns} == {
        "patient_token",
        "effective_date",
        "effective_date_precision",
        "snomed_concept_id",
    }


def test_every_released_table_says_whose_records_they_are(world):
    world.allow(HERE, a_practice(world))
    said = world.release()
    comments = world.query(
        "SELECT obj_description(c.oid) FROM pg_class c WHERE c.relnamespace = 'release'::regnamespace "
        f"AND c.relname LIKE '{USE}__%' AND c.relkind = 'r'"
    )
    assert len(comments) == len(said["rows"]) == 4
    assert all(CITATION in comment and "Synthetic" in comment for (comment,) in comments)


def test_who_has_no_valid_number_is_never_released_and_counted(world):
    some = pa.array(
        [None if index < 4 else token for index, token in enumerate(persons(20).to_pylist())], pa.binary(16)
    )
    a_practice(world, patient_token=some)
    world.allow(HERE, persons(20))
    said = world.release()
    assert (said["excluded_no_valid_number"], said["persons_released"], said["excluded_opted_out"]) == (4, 16, 0)
    assert said["rows"]["observation"] == 48


def test_a_practice_that_was_not_checked_stays_out_and_is_named(world):
    here = a_practice(world, HERE)
    a_practice(world, THERE, 7, seed=5)
    world.allow(HERE, here)
    said = world.release()
    assert said["practices_without_check"] == [THERE]
    assert (said["excluded_no_current_check"], said["persons_released"]) == (7, 20)


def test_too_few_checked_practices_release_nothing(world):
    world.allow(HERE, a_practice(world, HERE))
    a_practice(world, THERE, seed=5)
    a_practice(world, ELSEWHERE, seed=6)
    with pytest.raises(TooFewPracticesChecked, match="1 of 3 practices"):
        world.release()


def test_a_check_is_good_on_the_21st_day_and_not_on_the_22nd(world):
    world.allow(HERE, a_practice(world))
    world.publish()
    day = world.today
    world.today = day + timedelta(days=21)
    assert world.release_only()["persons_released"] == 20
    world.today = day + timedelta(days=21, seconds=1)
    with pytest.raises(TooFewPracticesChecked, match="0 of 1"):
        world.release_only()


def test_absent_from_the_list_of_one_of_two_practices_is_opted_out(world):
    """A patient who moved is asked about by both; the answers may be of different days."""
    people = a_practice(world, HERE)
    a_practice(world, THERE, 20, seed=2)
    world.allow(HERE, people)
    world.allow(THERE, people.slice(1))
    said = world.release()
    assert (said["persons_released"], said["excluded_opted_out"]) == (19, 1)
    assert t3(world, people[0].as_py()) not in {token for (token,) in world.released("patient", "patient_token")}


def test_somebody_registered_at_two_practices_is_released_once_from_each(world):
    people = a_practice(world, HERE)
    a_practice(world, THERE)  # the same people
    for practice in (HERE, THERE):
        world.allow(practice, people)
    assert world.release()["rows"] == {"patient": 40, "encounter": 80, "observation": 120, "appointment": 0}


def test_a_registration_at_an_unchecked_practice_brings_nothing_of_a_person_checked_elsewhere(world):
    people = a_practice(world, HERE)
    a_practice(world, THERE, 20, seed=2)
    world.allow(HERE, people)
    said = world.release()
    assert (said["persons_released"], said["excluded_no_current_check"], said["rows"]["patient"]) == (20, 0, 20)


def test_an_exempt_use_gets_everybody_who_can_be_told_apart_and_the_record_says_why(world):
    exempt_by_consent(world)
    a_practice(world)
    said = world.release()
    assert (said["persons_released"], said["national_data_opt_out"]) == (20, "exempt")
    [(decision, reason, evidence, checked)] = world.query(
        "SELECT decision, reason, evidence, persons_checked FROM release.disclosure"
    )
    assert (decision, reason, checked) == ("exempt", "consent_to_this_use", 0)
    assert evidence == {
        "kind": "consent_form",
        "reference": "FORM-1",
        "on": "2026-09-01",
        "by": "Example Board (made up)",
    }


def exempt_by_consent(world: ReleaseWorld) -> None:
    said = 'kind = "consent_form", reference = "FORM-1", on = 2026-09-01, by = "Example Board (made up)"'
    world.change(
        'decision = "applies"',
        f'decision = "exempt"\nreason = "consent_to_this_use"\nevidence = {{ {said} }}',
    )
    a_real_ground(world, "consent", duty="Consent")


def a_real_ground(world: ReleaseWorld, gateway: str, *, duty: str) -> None:
    world.change('legal_gateway = "synthetic_demonstration"', f'legal_gateway = "{gateway}"')
    world.change('duty_of_confidentiality = "Not applicable"', f'duty_of_confidentiality = "{duty}"')
    world.change('article6 = "Not applicable"', 'article6 = "(e) public task"')
    world.change('article9 = "Not applicable"', 'article9 = "(j) research"')
    world.change('accredited_researcher_status = "Unknown"', 'accredited_researcher_status = "Yes"')


def test_fewer_people_than_the_smallest_cohort_are_not_released(world):
    world.allow(HERE, a_practice(world, number=9))
    with pytest.raises(CohortTooSmall, match="Fewer than the 10 people"):
        world.release()
    assert world.query("SELECT count(*) FROM release.disclosure") == [(0,)]


def test_two_projects_tokens_cannot_be_joined(world):
    other = world.folder / "data_uses" / "another_use.toml"
    other.write_text((world.folder / "data_uses" / f"{USE}.toml").read_text())
    people = a_practice(world)
    world.allow(HERE, people)
    world.release()
    world.release("another_use")
    one, two = (
        {token for (token,) in world.released("patient", "patient_token", use=use)} for use in (USE, "another_use")
    )
    assert len(one) == len(two) == 20
    assert not one & two
    assert two == {t3(world, token.as_py(), "another_use") for token in people}


def test_a_new_version_of_the_project_key_gives_other_tokens(world):
    world.change("project_key_version = 1", "project_key_version = 2")
    people = a_practice(world)
    world.allow(HERE, people)
    world.release()
    assert {token for (token,) in world.released("patient", "patient_token")} == {
        t3(world, token.as_py(), version=2) for token in people
    }


def test_every_token_column_is_the_projects_own_and_still_joins_within_it(world):
    world.change(
        'encounter = ["effective_date", ', 'encounter = ["record_token", "staff_role_token", "effective_date", '
    )
    world.change(
        'observation = ["effective_date", ',
        'observation = ["encounter_token", "registration_token", "effective_date", ',
    )
    world.change("[safe_data.tables]", '[safe_data.tables]\nstaff_role = ["record_token", "job_category_code"]')
    registrations, seen = tokens(20, 1), tokens(20, 9)
    staff = pa.array([tokens(1, 8)[0].as_py()] * 20, pa.binary(16))
    world.load(
        HERE,
        {
            "patient": patients(20),
            "encounter": events(
                "encounter", 20, record_token=seen, registration_token=registrations, staff_role_token=staff
            ),
            "observation": events("observation", 20, encounter_token=seen, registration_token=registrations),
            "staff_role": pa.table(
                {"record_token": tokens(1, 8), "is_deleted": [False], "job_category_code": ["R0260"]}
            ),
        },
    )
    world.allow(HERE, persons(20))
    world.release()
    joined = world.query(
        f"SELECT count(*), count(DISTINCT o.registration_token) FROM release.{USE}__encounter e "
        f"JOIN release.{USE}__observation o ON o.encounter_token = e.record_token AND o.patient_token = e.patient_token "
        f"JOIN release.{USE}__staff_role s ON s.record_token = e.staff_role_token"
    )
    assert joined == [(20, 20)]
    assert world.released("encounter", "record_token")[0][0] in {t3(world, token.as_py()) for token in seen}
    assert nothing_of(world, [registrations, seen, staff, persons(20)]) == []


def nothing_of(world: ReleaseWorld, columns: list[pa.Array]) -> list[str]:
    """Tables of the release schema, and its records, in whose text a T1 or a T2 of these stands."""
    plain = {token.as_py() for column in columns for token in column}
    sought = {UUID(bytes=token) for token in plain} | {world.stored(token) for token in plain}
    tables = [name for (name,) in world.query("SELECT tablename FROM pg_tables WHERE schemaname = 'release'")]
    tables = [f"release.{name}" for name in tables if name != "national_allow_list"]
    assert len(tables) > 4
    texts = {
        name: " ".join(row for (row,) in world.query(f"SELECT t::text FROM {name} t"))
        for name in (*tables, "audit.entry", "lineage.outbox", "ledger.notice")
    }
    assert all(texts[name] for name in ("audit.entry", "lineage.outbox", f"release.{USE}__patient"))
    return [name for name, said in texts.items() if any(str(token) in said or token.hex in said for token in sought)]


def test_no_token_of_the_source_or_the_store_stands_in_a_release_or_in_what_is_said_of_it(world):
    people = a_practice(world)
    world.allow(HERE, people)
    world.release()
    assert nothing_of(world, [people, tokens(20, int(HERE[1:]))]) == []


def test_a_search_that_finds_nothing_would_find_something(world):
    people = a_practice(world)
    world.allow(HERE, people)
    world.release()
    leaked = world.stored(people[3].as_py())
    with_leak = f"UPDATE release.{USE}__patient SET patient_token = '{leaked}' WHERE true RETURNING 1"
    assert len(world.query(with_leak)) == 20
    assert nothing_of(world, [people]) == [f"release.{USE}__patient"]


def test_a_release_takes_the_place_of_the_former_one(world):
    people = a_practice(world)
    world.allow(HERE, people, days_ago=1)
    world.release()
    world.change('appointment = ["effective_date", "effective_date_precision", "status", "did_not_attend"]\n', "")
    world.allow(HERE, people.slice(5), sequence=2)
    said = world.release()
    assert said["persons_released"] == 15
    assert len(world.released("patient")) == 15
    assert world.query(f"SELECT to_regclass('release.{USE}__appointment')") == [(None,)]
    assert world.query("SELECT count(*) FROM release.disclosure") == [(2,)]


def test_a_release_that_fails_leaves_the_former_one_as_it_was(world):
    people = a_practice(world)
    world.allow(HERE, people, days_ago=1)
    world.release()
    world.allow(HERE, people.slice(0, 3), sequence=2)
    with pytest.raises(CohortTooSmall):
        world.release()
    assert len(world.released("patient")) == 20


@pytest.mark.fault(
    "F38",
    injected="a released record is deleted by a later parcel",
    happened="the next release takes the place of the last and does not have it; the register counts both",
)
def test_yesterdays_version_and_deleted_records_are_not_released(world):
    people = a_practice(world)
    registrations = tokens(20, int(HERE[1:]))
    gone = registrations.slice(0, 1)
    world.load(
        HERE,
        {
            "patient": patients(
                1, registration_token=gone, record_token=gone, patient_token=people.slice(0, 1), is_deleted=[True]
            )
        },
    )
    world.allow(HERE, people)
    said = world.release()
    assert (said["persons_released"], said["rows"]["encounter"]) == (19, 38)


@pytest.mark.fault("F38", injected="somebody who was released is erased", happened="gone from every release at once")
def test_an_erased_person_is_gone_from_every_release_and_every_list(world):
    other = world.folder / "data_uses" / "another_use.toml"
    other.write_text((world.folder / "data_uses" / f"{USE}.toml").read_text())
    people = a_practice(world)
    world.allow(HERE, people)
    world.release()
    world.release("another_use")
    gone = world.stored(people[0].as_py())
    with world.zone(ERASER) as zone, zone.store.begin() as connection:
        erased = erase_from_release(zone, connection, tokens_of([gone]))
    assert erased == 1 + 2 * (1 + 2 + 3)  # on the list; patient, encounters and observations of each project
    assert world.query("SELECT count(*) FROM release.national_allow_list") == [(19,)]
    for use in (USE, "another_use"):
        assert len(world.released("patient", use=use)) == 19
        assert t3(world, people[0].as_py(), use) not in {
            t for (t,) in world.released("observation", "patient_token", use=use)
        }


def test_a_release_waits_for_an_erasure_and_does_not_bring_anybody_back(world):
    people = a_practice(world)
    world.allow(HERE, people)
    world.publish()
    gone = world.stored(people[0].as_py())
    done: list[dict[str, Any]] = []
    releasing = threading.Thread(target=lambda: done.append(world.release_only()))
    with world.zone(ERASER) as zone, zone.store.begin() as connection:
        lock_alone(connection)
        erase_from_release(zone, connection, tokens_of([gone]))
        releasing.start()
        until_somebody_waits(world)
        connection.exec_driver_sql("DELETE FROM records.patient WHERE patient_token = %s", (gone,))
    releasing.join(60)
    assert done[0]["persons_released"] == 19
    assert done[0]["excluded_opted_out"] == 0


def until_somebody_waits(world: ReleaseWorld) -> None:
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    while world.query(waiting) == [(0,)]:
        pass
