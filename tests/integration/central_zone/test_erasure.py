"""Somebody opts out after their records came: they are nowhere any more, and nobody else has lost a row."""

import json
import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from cryptography.exceptions import InvalidSignature

from central_zone import keys, load_parcel, reconcile, take_notices
from central_zone.chain.verify import verify
from central_zone.erasures import certificate
from central_zone.errors import NotAllTaken, ParcelRefused
from crossing.canonical import schema
from crossing.policy import policy_folder
from support.erasures import a_notice, as_mark, as_stored, spellings, token, where_found
from support.parcels import a_night, events, observations, patients, tokens

ELSEWHERE = "A99999"
RECORDS = ("patient", "observation", "problem")


def load(zone, tables, sequence=1, previous=None, **how):
    parcel = zone.sealed(tables, sequence=sequence, previous=previous, **how)
    load_parcel.load_parcel(parcel.folder, zone.settings)
    return parcel


def take(zone, notice):
    return take_notices.take_notice(notice.folder, zone.settings)


def a_whole_night():
    """Of each patient several rows in several tables; of the first also rows that break a rule."""
    codes = ["12345" if row in (0, 10) else "44054006" for row in range(50)]
    return {**a_night(snomed_concept_id=codes), "problem": events("problem", 20, seed=7)}


def at_the_other_practice(**columns):
    """The same ten people, registered elsewhere."""
    return {
        "patient": patients(registration_token=tokens(10, 101), record_token=tokens(10, 101), **columns),
        "observation": observations(20, registration_token=tokens(10, 101).take(list(range(10)) * 2), seed=103),
    }


def of_the_first(zone):
    """Every token of the first patient: registration, person, and records of theirs."""
    whose = [token(0, 1), token(0, 2)]
    records = [token(row, 3) for row in (0, 10, 20)] + [token(row, 7) for row in (0, 10)]
    return spellings(zone, *whose, *records)


def rows_of_others(zone, *erased):
    """Everything that is stored of anybody but these registrations, to the row."""
    mine = [str(as_stored(zone, each).hex()) for each in erased]
    return {
        table: sorted(
            map(
                str,
                zone.query(
                    f"SELECT * FROM records.{table} WHERE replace(registration_token::text, '-', '') <> ALL (%s)", mine
                ),
            )
        )
        for table in RECORDS
    }


def count(zone, table):
    return zone.query(f"SELECT count(*) FROM {table}")[0][0]


@pytest.fixture
def released(zone):
    """A table of a release, as a project's is made: people by token."""
    zone.execute("CREATE SCHEMA IF NOT EXISTS release")

    def release():
        zone.execute("CREATE TABLE release.of_a_project AS SELECT patient_token, sex FROM records.current_patient")
        zone.execute("GRANT SELECT, DELETE ON release.of_a_project TO gp_eraser")  # else the erasure fails, and says so

    return release


def test_whoever_opts_out_later_is_nowhere_any_more_and_nobody_else_has_lost_a_row(zone, released):
    first = load(zone, a_whole_night())
    released()
    held = load(zone, {"observation": observations(snomed_concept_id=["12345"] * 50, seed=4)}, 2, first)
    pending = zone.sealed({"observation": observations(seed=5)}, sequence=3, previous=held)
    assert zone.state(held) == "held"
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 3)])
    others, needles = rows_of_others(zone, token(0, 1)), of_the_first(zone)
    before = where_found(zone, needles)
    places = {"records.patient_", "records.observation_", "records.problem_", "quarantine.row", "release.of_a_project"}
    assert all(any(name.startswith(place) for name in before) for place in places), before
    assert {f"A12345 delta {number}: observation" for number in (1, 2, 3)} <= before
    assert any(name.startswith("work/") for name in before)
    assert take(zone, notice)["state"] == "applied"
    assert where_found(zone, needles) == set()
    assert rows_of_others(zone, token(0, 1)) == others
    assert count(zone, "release.of_a_project") == 9
    told = json.loads((zone.settings.receipts_folder / f"{notice.manifest.parcel_id}.certificate.json").read_bytes())
    said = told["certificate"]
    assert (said["people"], said["registrations"], said["marks"], said["rows_out_of_release"]) == (1, 1, 1, 1)
    assert said["rows_erased"] == {"observation": 3, "patient": 1, "problem": 2}
    assert (said["rows_out_of_quarantine"], said["parcels_stripped"], said["parcels_left"]) == (2, 3, [])
    assert said["rows_stripped"] == {"observation": 15, "patient": 1, "problem": 2}
    assert not list(notice.folder.glob("part-*")), "the notice itself names the person"
    load_parcel.decide(held.manifest.parcel_id, approve=True, by="A Steward", reason="known", settings=zone.settings)
    for parcel in (held, pending):
        assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "loaded"
    assert where_found(zone, needles) == set()
    assert count(zone, "records.observation") == 48 - 3 + 45, "the held parcel's rows all broke a rule"
    agree_on_the_counts(zone)


def agree_on_the_counts(zone):
    """Sent is stored, kept out or erased; counted anew for every parcel."""
    reconcile.count_rows("gpdpr", zone.settings, again=True)
    assert zone.query("SELECT rows_counted FROM ledger.parcel WHERE state = 'loaded' AND rows_counted <> '{}'") == []


def test_the_certificate_is_signed_has_the_same_bytes_again_and_one_changed_byte_shows(zone):
    load(zone, a_night())
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 1)])
    part = (notice.folder / "part-00000.hpke").read_bytes()
    take(zone, notice)
    path = zone.settings.receipts_folder / f"{notice.manifest.parcel_id}.certificate.json"
    first = path.read_bytes()
    assert take_notices.notices_waiting("gpdpr", zone.settings) == []
    (notice.folder / "part-00000.hpke").write_bytes(part)  # as if the run had been killed before it went
    assert take_notices.notices_waiting("gpdpr", zone.settings) == [notice.manifest.parcel_id]
    assert take(zone, notice)["state"] == "already"
    assert not list(notice.folder.glob("part-*"))
    assert path.read_bytes() == first
    told = json.loads(first)
    public = keys.receipt_signing_key(zone.keys.folder).public_key()
    public.verify(bytes.fromhex(told["signature"]), certificate.bytes_to_sign(told["certificate"]))
    told["certificate"]["people"] = 2
    with pytest.raises(InvalidSignature):
        public.verify(bytes.fromhex(told["signature"]), certificate.bytes_to_sign(told["certificate"]))
    assert verify(zone.settings)["entries"] == 3


def test_a_parcel_that_comes_late_or_lay_elsewhere_does_not_bring_them_back(zone):
    first = load(zone, a_night())
    late = zone.sealed(a_night(), sequence=2, previous=first)
    shutil.move(late.folder, zone.root / "away")
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 2)]))
    shutil.move(zone.root / "away", late.folder)
    load_parcel.receive_shard("gpdpr", [late.manifest.parcel_id], zone.settings)
    staged = {name for name in where_found(zone, of_the_first(zone)) if name.startswith("work/")}
    assert (zone.state(late), staged) == ("received", set())
    assert load_parcel.load_parcel(late.folder, zone.settings)["state"] == "loaded"
    assert where_found(zone, of_the_first(zone)) == set(), "nor in the sealed parcel, which is kept"
    assert zone.query("SELECT rows_erased FROM ledger.parcel WHERE sequence = 2") == [
        ({"patient": 1, "observation": 5},)
    ]
    agree_on_the_counts(zone)


def test_somebody_erased_after_their_parcel_was_staged_and_judged_is_not_loaded(zone):
    parcel = zone.sealed(a_whole_night())
    (shard,) = load_parcel.parcels_waiting("gpdpr", zone.settings)
    load_parcel.receive_shard("gpdpr", shard, zone.settings)
    load_parcel.validate_shard("gpdpr", shard, zone.settings)
    shutil.copytree(zone.settings.work_folder, zone.root / "kept")
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    shutil.copytree(zone.root / "kept", zone.settings.work_folder, dirs_exist_ok=True)  # a stager that was under way
    shutil.rmtree(zone.root / "kept")
    assert load_parcel.load_shard("gpdpr", shard, zone.settings)[0]["state"] == "loaded"
    assert where_found(zone, of_the_first(zone)) == set()
    assert zone.query("SELECT rows_erased, rows_quarantined FROM ledger.parcel")[0] == (
        {"patient": 1, "observation": 5, "problem": 2},
        {},
    )
    assert zone.state(parcel) == "loaded"
    agree_on_the_counts(zone)


def test_their_records_at_another_practice_go_too_and_what_comes_from_there_is_stopped(zone):
    load(zone, a_night())
    there = load(zone, at_the_other_practice(), practice_code=ELSEWHERE)
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    assert where_found(zone, spellings(zone, token(0, 101), token(0, 2))) == set()
    assert (count(zone, "records.patient"), count(zone, "erasure.mark")) == (18, 2)
    increment = {"observation": at_the_other_practice()["observation"]}
    second = load(zone, increment, 2, there, practice_code=ELSEWHERE)
    assert zone.query("SELECT rows_erased FROM ledger.parcel WHERE sequence = 2") == [({"observation": 2},)]
    moved = patients(1, registration_token=tokens(1, 201), record_token=tokens(1, 201))
    third = load(zone, {"patient": moved}, 3, second, practice_code=ELSEWHERE)
    of_moved = observations(1, registration_token=tokens(1, 201), seed=203)
    load(zone, {"observation": of_moved}, 4, third, practice_code=ELSEWHERE)
    assert zone.query("SELECT rows_erased FROM ledger.parcel WHERE sequence > 2 ORDER BY sequence") == [
        ({"patient": 1},),
        ({"observation": 1},),
    ]
    assert count(zone, "erasure.mark") == 3
    assert where_found(zone, spellings(zone, token(0, 101), token(0, 201), token(0, 2))) == set()
    agree_on_the_counts(zone)


def test_somebody_who_once_bore_their_number_by_mistake_loses_nothing(zone):
    load(zone, a_night())
    mistaken = load(zone, at_the_other_practice(), practice_code=ELSEWHERE)
    corrected = {"patient": at_the_other_practice(patient_token=tokens(10, 77))["patient"]}
    load(zone, corrected, 2, mistaken, practice_code=ELSEWHERE)
    before = zone.query(f"SELECT count(*) FROM records.patient WHERE practice_code = '{ELSEWHERE}'")
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    assert zone.query(f"SELECT count(*) FROM records.patient WHERE practice_code = '{ELSEWHERE}'") == before == [(20,)]


def test_another_practices_national_list_brings_no_token_of_theirs_back(zone):
    load(zone, a_night())
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    everybody = pa.table([tokens(10, 2)], schema=schema("national_allow_list"))
    now = datetime.now(UTC).replace(microsecond=0)
    how = {"practice_code": ELSEWHERE, "extract_kind": "national_allow_list", "extract_id": "list-1"}
    days = {"extract_taken_at": now.isoformat(), "not_after": (now + timedelta(days=21)).isoformat()}
    list_ = zone.sealed({"national_allow_list": everybody}, **how, **days)
    assert take(zone, list_)["people"] == 9
    assert where_found(zone, spellings(zone, token(0, 2))) == set()


def test_where_policy_says_so_an_opt_out_reaches_its_own_practice_only(zone, tmp_path, monkeypatch):
    folder = tmp_path / "policy"
    shutil.copytree(policy_folder(), folder)
    collection = folder / "collections" / "gpdpr.toml"
    collection.write_text(
        collection.read_text().replace('dissent_reaches = "person"', 'dissent_reaches = "registration"')
    )
    monkeypatch.setenv("GP_POLICY_DIR", str(folder))
    load(zone, a_night())
    load(zone, at_the_other_practice(), practice_code=ELSEWHERE)
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    assert zone.query("SELECT practice_code, count(*) FROM records.patient GROUP BY 1 ORDER BY 1") == [
        ("A12345", 9),
        (ELSEWHERE, 10),
    ]


def test_somebody_who_opts_back_in_is_there_again_here_and_elsewhere(zone):
    first = load(zone, a_night())
    there = load(zone, at_the_other_practice(), practice_code=ELSEWHERE)
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    again = load(zone, {"patient": patients(), "observation": observations()}, 2, first)
    assert (count(zone, "erasure.mark"), count(zone, "records.current_patient")) == (1, 10 + 9)
    load(zone, at_the_other_practice(), 2, there, practice_code=ELSEWHERE, extract_kind="snapshot")
    assert (count(zone, "erasure.mark"), count(zone, "records.current_patient")) == (0, 20)
    late = a_notice(zone, [(token(1, 1), token(1, 2), 1)], sequence=2)  # of the first night, and the second is loaded
    take(zone, late)
    assert count(zone, "records.current_patient") == 20, "they came back before it was said"
    assert zone.query("SELECT count(*) FROM records.patient WHERE practice_code = 'A12345'") == [(9 - 1 + 10,)]
    assert zone.state(again) == "loaded"


def test_what_another_practice_changes_of_them_afterwards_does_not_come_to_a_history_with_a_hole_in_it(zone):
    first = load(zone, a_night())
    there = load(zone, at_the_other_practice(), practice_code=ELSEWHERE)
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    load(zone, {"patient": patients(), "observation": observations()}, 2, first)
    load(zone, at_the_other_practice(), 2, there, practice_code=ELSEWHERE)
    assert zone.query(f"SELECT count(*) FROM records.current_patient WHERE practice_code = '{ELSEWHERE}'") == [(9,)]


def test_that_records_of_theirs_were_deleted_does_not_bring_somebody_back(zone):
    first = load(zone, a_night())
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 1)]))
    gone = {"patient": patients(1, is_deleted=[True]), "observation": observations(1, is_deleted=[True])}
    load(zone, gone, 2, first)
    assert (count(zone, "erasure.mark"), count(zone, "records.patient")) == (1, 9)
    assert zone.query("SELECT rows_erased FROM ledger.parcel WHERE sequence = 2") == [
        ({"patient": 1, "observation": 1},)
    ]


def test_a_recon_extract_neither_brings_anybody_back_nor_counts_who_is_erased(zone):
    first = load(zone, a_night())
    take(zone, a_notice(zone, [(token(0, 1), token(0, 2), 2)]))
    load(zone, a_night(), 2, first, extract_kind="recon")
    assert set(zone.query("SELECT missing, differs, surplus FROM ledger.reconciliation")) == {(0, 0, 0)}


def test_a_parcel_that_cannot_be_verified_is_left_and_counted(zone):
    first = load(zone, a_night())
    strange = zone.sealed(a_night(), sequence=2, previous=first)
    (strange.folder / "manifest.sig").write_bytes(bytes(64))
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 2)])
    told = take(zone, notice)
    assert strange.manifest.parcel_id in told["left"]


def test_a_notice_of_nobody_is_applied_and_its_certificate_counts_nobody(zone):
    load(zone, a_night())
    notice = a_notice(zone, [])
    assert take(zone, notice) | {"parcel_id": None} == {
        "parcel_id": None,
        "practice_code": "A12345",
        "kind": "erasure",
        "state": "applied",
        "people": 0,
        "rows": 0,
        "left": "",
    }


HOSTILE = {
    "a place far ahead": ([(token(0, 1), token(0, 2), 5_000)], "has not reached"),
    "a place before all": ([(token(0, 1), token(0, 2), -1)], "has not reached"),
    "two people in one": ([(token(0, 1), token(0, 2), 1), (token(0, 1), token(1, 2), 1)], "with two people"),
    "nobody's registration": ([(None, token(0, 2), 1)], "it may not be"),
}


def test_a_notice_that_cannot_be_meant_is_refused_and_nobody_is_erased(zone):
    load(zone, a_night())
    for sequence, (people, says) in enumerate(HOSTILE.values(), 1):
        with pytest.raises(ParcelRefused, match=says):
            take(zone, a_notice(zone, people, sequence=sequence))
    assert (count(zone, "records.patient"), count(zone, "erasure.mark")) == (10, 0)
    refused = take_notices.notices_waiting("gpdpr", zone.settings)
    assert len(refused) == len(HOSTILE), "they are told for as long as they lie there"
    with pytest.raises(NotAllTaken, match="has not reached"):
        take_notices.check_all_taken(take_notices.take_notices(refused, zone.settings))
    assert count(zone, "ledger.refusal") == len(HOSTILE), "and written down once"
    assert not list(zone.settings.erasure_journal_folder.iterdir())


def test_a_notice_with_a_false_signature_or_of_a_place_that_is_taken_is_refused(zone):
    load(zone, a_night())
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 1)])
    signature = (notice.folder / "manifest.sig").read_bytes()
    (notice.folder / "manifest.sig").write_bytes(bytes(64))
    with pytest.raises(ParcelRefused, match="does not fit"):
        take(zone, notice)
    (notice.folder / "manifest.sig").write_bytes(signature)
    take(zone, notice)
    other = a_notice(zone, [(token(1, 1), token(1, 2), 1)], extract_id="another")
    with pytest.raises(ParcelRefused, match="holds place 1"):
        take(zone, other)
    same_id = a_notice(zone, [(token(1, 1), token(1, 2), 1)])
    with pytest.raises(ParcelRefused, match="holds place 1"):
        take(zone, same_id)
    assert count(zone, "records.patient") == 9


def test_ten_nobody_knows_and_ten_that_are_known_are_counted_apart(zone):
    load(zone, a_night())
    strangers = [(token(row, 55), token(row, 56), 1) for row in range(10)]
    notice = a_notice(zone, [*strangers, *[(token(row, 1), None, 1) for row in range(10)]])
    take(zone, notice)
    assert Counter(row[0] for row in zone.query("SELECT person_mark IS NULL FROM erasure.mark")) == {False: 20}
    marks = {
        (row[0].bytes, row[1].bytes) for row in zone.query("SELECT registration_mark, person_mark FROM erasure.mark")
    }
    assert {(as_mark(zone, token(row, 1)), as_mark(zone, token(row, 2))) for row in range(10)} < marks
    assert (count(zone, "records.patient"), count(zone, "records.observation")) == (0, 0)
