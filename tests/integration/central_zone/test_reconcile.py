"""Every morning each practice is told apart: what should be here, what is, and what differs."""

import json
import shutil
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from central_zone import load_parcel, reconcile, take_notices
from central_zone.errors import ParcelRefused, PracticesDiffer
from central_zone.settings import Settings
from support.erasures import a_notice, token
from support.parcels import a_night, observations, patients

HEAD = "practice_code,supplier,format,transport,connection,participates_from,participates_until,synthetic"
NOW = datetime.now(UTC)


@pytest.fixture
def policy(zone, tmp_path, monkeypatch):
    """A policy with the practices a test names; the rest is what ships."""
    from crossing.policy import policy_folder

    folder = tmp_path / "policy"
    shutil.copytree(policy_folder(), folder)
    monkeypatch.setenv("GP_POLICY_DIR", str(folder))

    def takes_part(*codes, since="2026-09-01", until=""):
        rows = [f"{code},EMIS,emis_csv,directory,{code},{since},{until},yes" for code in codes]
        (folder / "practices.csv").write_text("\n".join([HEAD, *rows]) + "\n")

    takes_part("A12345")
    return takes_part


def load(zone, tables, sequence=1, previous=None, **how):
    parcel = zone.sealed(tables, sequence=sequence, previous=previous, **how)
    load_parcel.load_parcel(parcel.folder, zone.settings)
    return parcel


def reports(zone):
    reconcile.count_rows("gpdpr", zone.settings)
    return {each.practice_code: each for each in reconcile.report("gpdpr", zone.settings)}


def test_a_practice_whose_rows_are_all_there_agrees_and_a_row_is_kept_of_it(zone, policy):
    load(zone, a_night(snomed_concept_id=["44054006"] * 49 + ["12345"]))
    assert reconcile.count_rows("gpdpr", zone.settings) == 1
    assert reconcile.count_rows("gpdpr", zone.settings) == 0
    assert reports(zone)["A12345"].agrees
    assert zone.query("SELECT practice_code, agrees, differences FROM ledger.practice_report") == [("A12345", True, [])]


def test_a_row_that_is_gone_from_the_store_is_named_with_its_parcel_and_table(zone, policy):
    load(zone, a_night())
    zone.execute("DELETE FROM records.observation WHERE ctid IN (SELECT ctid FROM records.observation LIMIT 1)")
    (told,) = reports(zone)["A12345"].differences
    assert told == "Parcel 1, observation: 50 rows were sent, 49 are in the store and 0 in quarantine."


def test_a_row_that_came_twice_shows_when_all_is_counted_again(zone, policy):
    load(zone, a_night())
    assert reports(zone)["A12345"].agrees
    zone.execute("INSERT INTO records.patient SELECT * FROM records.patient LIMIT 1")
    assert reports(zone)["A12345"].agrees  # a parcel is counted once
    assert reconcile.count_rows("gpdpr", zone.settings, again=True) == 1
    assert "patient: 10 rows were sent, 11 are in the store" in reports(zone)["A12345"].differences[0]


def test_a_practice_that_takes_part_and_never_sent_anything_is_named(zone, policy):
    policy("A12345", "A99999")
    load(zone, a_night())
    found = reports(zone)
    assert found["A12345"].agrees
    assert found["A99999"].differences == ("Nothing has ever arrived; it takes part since 2026-09-01.",)
    with pytest.raises(PracticesDiffer, match=r"1 practices differ. A99999: Nothing has ever arrived"):
        reconcile.check_agreement("gpdpr", list(found.values()))


@pytest.mark.parametrize("days_ago", [0, 1])
def test_a_practice_that_has_only_begun_is_not_yet_expected(zone, policy, days_ago):
    today = datetime.now(UTC).date()  # asked now: the tests may have begun before midnight
    policy("A12345", since=str(today - timedelta(days=days_ago)))
    assert reports(zone)["A12345"].agrees


def test_a_practice_that_has_left_is_not_expected_and_one_that_goes_on_sending_is_named(zone, policy):
    policy("A12345", "A99999", until="2026-09-30")
    load(zone, a_night())
    found = reports(zone)
    assert set(found) == {"A12345"}
    assert found["A12345"].differences == ("It takes part until 2026-09-30, and sent an extract taken later.",)


def test_a_practice_that_policy_does_not_know_is_named(zone, policy):
    policy("A99999", since=str(NOW.date()))
    load(zone, a_night())
    assert "not in policy/practices.csv" in reports(zone)["A12345"].differences[0]


def test_a_practice_is_overdue_by_its_own_rhythm(zone, policy):
    load(zone, a_night())
    zone.execute("UPDATE ledger.parcel SET received_at = now() - interval '35 hours'")
    assert reports(zone)["A12345"].agrees
    zone.execute("UPDATE ledger.parcel SET received_at = now() - interval '37 hours'")
    (told,) = reports(zone)["A12345"].differences
    assert told.startswith("Nothing has arrived since 20")
    assert told.endswith("it usually comes every day.")


@pytest.mark.fault("F15", injected="a gap in the sequence", happened="`reconcile` is red and names the practice")
def test_a_gap_is_a_difference(zone, policy):
    first = zone.sealed(a_night())
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first)
    shutil.move(first.folder, zone.root / "away")
    for shard in load_parcel.parcels_waiting("gpdpr", zone.settings):
        load_parcel.receive_shard("gpdpr", shard, zone.settings)
    assert zone.state(second) == "waiting"
    assert reports(zone)["A12345"].differences[0].startswith("parcel 1 is not here, parcel 2 is waiting; since 20")


def test_an_erasure_that_never_came_or_was_not_carried_out_is_a_difference(zone, policy):
    load(zone, a_night())
    for sequence, up_to in ((1, 1), (3, 1), (4, 9_000)):
        with suppress(ParcelRefused):
            take_notices.take_notice(
                a_notice(zone, [(token(sequence, 1), None, up_to)], sequence=sequence).folder, zone.settings
            )
    assert reports(zone)["A12345"].differences == ("Erasure 2 never came: have the source send it again.",)
    zone.execute("UPDATE ledger.notice SET received_at = now() - interval '2 hours'")
    assert reports(zone)["A12345"].differences[1].startswith("Erasure 4 is not carried out")


def test_a_held_parcel_is_a_difference(zone, policy):
    load(zone, {"patient": patients(), "observation": observations(snomed_concept_id=["12345"] * 50)})
    assert reports(zone)["A12345"].differences[0].startswith("Parcel 1 is held: ")


def test_the_last_recon_is_told_until_one_agrees(zone, policy):
    first = load(zone, a_night())
    tables = {"patient": patients(), "observation": observations(60).slice(5)}
    recon = load(zone, tables, 2, first, extract_kind="recon")
    told = reports(zone)["A12345"].differences
    assert [words for words in told if "only the store has" in words and ", observation: 10 the store has not" in words]
    later = (datetime.now(UTC) + timedelta(seconds=60)).replace(microsecond=0).isoformat()
    load(zone, a_night(), 3, recon, extract_kind="recon", extract_taken_at=later)
    assert reports(zone)["A12345"].agrees


def test_a_table_that_a_recon_does_not_carry_is_shown_and_is_no_difference(zone, policy):
    first = load(zone, a_night())
    load(zone, {"patient": patients()}, 2, first, extract_kind="recon")
    report = reports(zone)["A12345"]
    assert (report.agrees, report.facts["not in the recon: observation"]) == (True, 50)


@pytest.mark.parametrize("held_back", [0, 1, 2])
def test_people_whom_the_source_holds_back_are_not_in_its_recon_and_that_is_no_difference(zone, policy, held_back):
    first = load(zone, a_night())
    parcel = zone.sealed({"patient": patients().slice(2), "observation": observations()}, sequence=2, previous=first)
    counts = {**parcel.manifest.counts, "patients_held_back": {"type_one_opt_out": held_back}}
    tables = {"patient": patients().slice(2), "observation": without_the_first_two(observations())}
    counts["tables"] = {
        name: {**counts["tables"][name], "read": t.num_rows, "sent": t.num_rows} for name, t in tables.items()
    }
    load(zone, tables, 2, first, extract_kind="recon", counts=counts)
    report = reports(zone)["A12345"]
    assert report.agrees == (held_back == 2)
    if not report.agrees:
        assert report.differences[0].endswith(
            f"2 registrations only the store has, and {held_back} are held back at the source."
        )
    assert report.facts["registrations not in the recon"] == 2


def without_the_first_two(rows):
    """The ten patients' entries come in turn."""
    return rows.take([number for number in range(rows.num_rows) if number % 10 > 1])


def test_of_a_snapshot_only_the_surplus_still_stands_after_it_is_loaded(zone, policy):
    first = load(zone, a_night())
    load(zone, {"patient": patients(), "observation": observations(60).slice(5)}, 2, first, extract_kind="snapshot")
    (told,) = reports(zone)["A12345"].differences
    assert told.endswith("observation: 5 only the store has.")


def test_what_the_supplier_says_it_sent_is_shown_beside_what_was_read(zone, policy):
    load(zone, a_night(), supplier_record_count=61)
    assert reports(zone)["A12345"].facts["supplier_count"] == {"said": 61, "read": 60}


def test_the_command_prints_the_same_and_ends_with_4_where_a_practice_differs(zone, policy, monkeypatch, capsys):
    from central_zone.command_line import main

    for name, value in Settings(zone.settings.values).values.items():
        monkeypatch.setenv(name, value)
    load(zone, a_night())
    assert main(["reconcile", "--collection", "gpdpr"]) == 0
    assert capsys.readouterr().out == "A12345  agrees\n"
    zone.execute("DELETE FROM records.observation")
    assert main(["reconcile", "--collection", "gpdpr", "--recount", "--json"]) == 4
    told = capsys.readouterr()
    assert json.loads(told.out)[0]["differences"] == [
        "Parcel 1, observation: 50 rows were sent, 0 are in the store and 0 in quarantine."
    ]
    assert "PracticesDiffer (a person must act): gpdpr: 1 practices differ. A12345" in told.err
