"""One practice, all source steps, real files: who and what leaves, and under which reason the rest stays."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.exceptions import PanicException

from crossing.errors import PersonMustAct, as_ours
from crossing.identifiers import canonical_nhs_number
from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from crossing.policy import Policy
from source_zone.generalise import Generalisations, generalise
from source_zone.left_already import MemoryIsOld, check_is_next, note_left
from source_zone.memory import MemoryFile
from source_zone.release import Release, prepare
from source_zone.release_practice import decide_practice, pull_practice, release_practice, seal_practice
from source_zone.shards import _each, decide_shard, practices_due, pull_shard, seal_shard, status
from source_zone.uphold_opt_outs import uphold_practice
from support.emis_files import CODES, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, a_practice, make_source_zone

NIGHT_ONE, NIGHT_TWO, NIGHT_THREE = "20260902010000", "20260903010000", "20260904010000"


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def release(zone: SourceZone, rows: Rows, stamp: str = NIGHT_ONE) -> dict:
    write_extract(zone.deliveries, rows, stamp)
    return release_practice(zone.release())


def counts_of(zone: SourceZone, outcome: dict, table: str) -> dict:
    manifest = read_manifest(read_manifest_bytes(zone.settings.outbox / outcome["parcels"][-1])[0])
    return manifest.counts["tables"][table]


@pytest.mark.parametrize(
    ("patient", "reason"),
    [
        (a_patient("p", DummyType="Dummy"), "test_patient"),
        (a_patient("p", IsConfidential="true"), "confidential_patient"),
        (a_patient("p", SpineSensitive="true"), "confidential_patient"),
        (a_patient("p", IsConfidential=""), "confidential_patient"),
        (a_patient("p", IsConfidential="perhaps"), "confidential_patient"),
        (a_patient("p", DateOfDeactivation="2021-08-31"), "left_before_start"),
        (a_patient("p", DateOfDeath="2021-08-31"), "died_before_start"),
        (a_patient("p", PatientTypeDescription="Temporary"), "registration_out_of_scope"),
        (a_patient("p", PatientTypeDescription=""), "registration_out_of_scope"),
        (a_patient("p", DateOfDeath="not a date"), "unreadable_patient_record"),
    ],
)
def test_a_patient_who_may_not_leave_takes_every_entry_along(zone: SourceZone, patient: dict, reason: str) -> None:
    outcome = release(zone, {"Admin_Patient": [patient], "CareRecord_Observation": [an_observation("p", "o")]})
    assert outcome["patients_held_back"] == {reason: 1}
    assert outcome["sent"] == 0
    assert counts_of(zone, outcome, "observation")["held_back"] == {reason: 1}


@pytest.mark.parametrize("code", ["2", "6", "7"])
def test_a_dissent_in_any_code_system_holds_the_patient_back(zone: SourceZone, code: str) -> None:
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "dissent", code)]}
    assert release(zone, rows)["patients_held_back"] == {"type_one_opt_out": 1}


@pytest.mark.fault(
    "F26",
    injected="an entry whose code is on no list, or restricted",
    happened="unknown: quarantined and counted; restricted: held back and counted",
)
@pytest.mark.fault(
    "F29",
    injected="an NHS number or a date of birth as a value or a code",
    happened="quarantined at the source as identifier_in_value or identifier_in_code, and counted",
)
@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ({"CodeId": "4"}, ("held_back", "legally_restricted_code")),
        ({"CodeId": "8"}, ("held_back", "legally_restricted_code")),
        ({"IsConfidential": "true"}, ("held_back", "confidential_record")),
        ({"IsConfidential": ""}, ("held_back", "confidential_record")),
        ({"PatientGuid": guid("stranger")}, ("held_back", "unknown_patient")),
        ({"PatientGuid": ""}, ("held_back", "no_patient")),
        ({"CodeId": "5"}, ("quarantined", "identifier_in_code")),
        ({"CodeId": "404"}, ("quarantined", "unknown_code")),
        ({"CodeId": "10"}, ("quarantined", "malformed_code")),
        ({"CodeId": "11"}, ("quarantined", "malformed_code")),
        ({"CodeId": "12"}, ("sent", "")),
        ({"CodeId": ""}, ("quarantined", "uncoded_entry")),
        ({"EffectiveDate": "2019-02-30"}, ("quarantined", "unreadable_date")),
        ({"EffectiveDate": "31/12/2018"}, ("quarantined", "unreadable_date")),
        ({"Value": "about 7"}, ("quarantined", "unreadable_number")),
        ({"Value": "NaN"}, ("quarantined", "unreadable_number")),
        ({"EffectiveDate": "1960-05-16"}, ("quarantined", "dated_before_birth")),
        ({"EffectiveDate": "1960-01-01", "EffectiveDatePrecision": "Y"}, ("sent", "")),
        ({"EffectiveDate": "1960-04-01", "EffectiveDatePrecision": "YM"}, ("quarantined", "dated_before_birth")),
        ({"NumericUnit": "Mrs Surname"}, ("sent", "")),
        ({"ObservationGuid": ""}, ("quarantined", "no_record_id")),
        ({"Value": "9990548609"}, ("quarantined", "identifier_in_value")),
        ({"NumericRangeHigh": "07700900123"}, ("quarantined", "identifier_in_value")),
        ({"Value": "19600517"}, ("quarantined", "identifier_in_value")),
        ({"Value": "17051960"}, ("quarantined", "identifier_in_value")),
        ({"Value": "19600518"}, ("sent", "")),
        ({"EffectiveDate": "0000-01-01"}, ("quarantined", "unreadable_date")),
    ],
)
def test_what_becomes_of_an_entry(zone: SourceZone, cells: dict, verdict: tuple[str, str]) -> None:
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [{**an_observation("p", "o"), **cells}]}
    counts = counts_of(zone, release(zone, rows), "observation")
    kind, reason = verdict
    assert counts[kind] == (1 if kind == "sent" else {reason: 1})
    assert counts["read"] == 1


@pytest.mark.fault(
    "F29", injected="NHS numbers that pass SNOMED's check digit too", happened="quarantined at the source"
)
@pytest.mark.parametrize(
    ("number", "becomes"),
    [
        ("9992683104", "quarantined"),
        ("4826988001", "quarantined"),
        ("9067949019", "quarantined"),
        ("1387462008", "sent"),
    ],
)
def test_an_nhs_number_that_passes_for_a_snomed_id_is_one_all_the_same(
    zone: SourceZone, number: str, becomes: str
) -> None:
    """Of ten digits SNOMED has given out concepts from 1 only; England's NHS numbers begin with 4, 6 and 7."""
    codes = [*CODES, {"CodeId": "77", "SnomedCTConceptId": number}]
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "o", "77")]}
    counts = counts_of(zone, release(zone, rows | {"Coding_ClinicalCode": codes}), "observation")
    assert counts[becomes] == (1 if becomes == "sent" else {"identifier_in_code": 1})


def test_of_a_repeated_record_the_last_line_leaves(zone: SourceZone) -> None:
    repeated = [an_observation("p", "o"), an_observation("p", "o", Value="7")]
    counts = counts_of(
        zone, release(zone, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": repeated}), "observation"
    )
    assert (counts["sent"], counts["held_back"]) == (1, {"duplicate": 1})


def test_a_problem_stays_with_the_observation_it_extends_also_on_a_later_night(zone: SourceZone) -> None:
    problem = {"ObservationGuid": guid("o"), "PatientGuid": guid("p"), "Deleted": "false"}
    first = {
        "Admin_Patient": [a_patient("p")],
        "CareRecord_Observation": [an_observation("p", "o", "4")],
        "CareRecord_Problem": [problem],
    }
    reason = {"withheld_with_its_observation": 1}
    assert counts_of(zone, release(zone, first), "problem")["held_back"] == reason
    assert (
        counts_of(zone, release(zone, {"CareRecord_Problem": [problem]}, NIGHT_TWO), "problem")["held_back"] == reason
    )


def test_a_restricted_entry_of_someone_opted_out_is_still_remembered_when_they_opt_in_again(zone: SourceZone) -> None:
    problem = {"ObservationGuid": guid("o"), "PatientGuid": guid("p"), "Deleted": "false"}
    entries = [an_observation("p", "o", "4"), an_observation("p", "dissent", "2")]
    release(zone, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries})
    again = {"CareRecord_Observation": [an_observation("p", "back", "3", EffectiveDate="2024-04-01")]}
    assert release(zone, again, NIGHT_TWO)["patients_held_back"] == {"awaits_whole_record": 1}
    uphold_practice(zone.release())
    outcome = release(zone, {"CareRecord_Problem": [problem]}, NIGHT_THREE)
    assert outcome["patients_held_back"] == {}
    assert counts_of(zone, outcome, "problem")["held_back"] == {"withheld_with_its_observation": 1}


def test_only_medication_referral_and_appointment_have_a_look_back(zone: SourceZone) -> None:
    old = {"EffectiveDate": "2016-09-01", "EffectiveDatePrecision": "YMD"}
    drug = {
        "DrugRecordGuid": guid("d"),
        "PatientGuid": guid("p"),
        "CodeId": "9",
        "Deleted": "false",
        "IsConfidential": "false",
    }
    rows = {
        "Admin_Patient": [a_patient("p")],
        "CareRecord_Observation": [an_observation("p", "o", **old)],
        "Prescribing_DrugRecord": [
            {**drug, **old},
            {**drug, "DrugRecordGuid": guid("e"), "EffectiveDate": "2016-09-02"},
        ],
    }
    outcome = release(zone, rows)
    assert counts_of(zone, outcome, "observation")["sent"] == 1
    assert counts_of(zone, outcome, "medication")["held_back"] == {"outside_look_back": 1}
    assert counts_of(zone, outcome, "medication")["sent"] == 1


def test_an_increment_is_decided_with_what_earlier_nights_said(zone: SourceZone) -> None:
    first = {
        "Admin_Patient": [a_patient("gone"), a_patient("stays")],
        "CareRecord_Observation": [an_observation("gone", "dissent", "2")],
    }
    release(zone, first)
    second = {"CareRecord_Observation": [an_observation("gone", "new"), an_observation("stays", "new too")]}
    counts = counts_of(zone, release(zone, second, NIGHT_TWO), "observation")
    assert (counts["sent"], counts["held_back"]) == (1, {"type_one_opt_out": 1})


def test_a_deleted_dissent_no_longer_holds_back(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "dissent", "2")]})
    tombstone = {"ObservationGuid": guid("dissent"), "PatientGuid": guid("p"), "Deleted": "true"}
    release(zone, {"CareRecord_Observation": [tombstone]}, NIGHT_TWO)
    uphold_practice(zone.release())
    outcome = release(zone, {"CareRecord_Observation": [an_observation("p", "later")]}, NIGHT_THREE)
    assert outcome["patients_held_back"] == {}
    assert counts_of(zone, outcome, "observation")["sent"] == 1


def test_a_tombstone_of_a_patient_keeps_their_decision(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": [a_patient("p", IsConfidential="true")]})
    gone = {"PatientGuid": guid("p"), "Deleted": "true"}
    assert counts_of(zone, release(zone, {"Admin_Patient": [gone]}, NIGHT_TWO), "patient")["held_back"] == {
        "confidential_patient": 1
    }


def test_two_nights_missed_become_two_parcels_in_order_under_todays_roster(zone: SourceZone) -> None:
    write_extract(
        zone.deliveries,
        {"Admin_Patient": [a_patient("p"), a_patient("q")], "CareRecord_Observation": [an_observation("p", "a")]},
    )
    outcome = release(
        zone, {"CareRecord_Observation": [an_observation("p", "dissent", "2"), an_observation("q", "b")]}, NIGHT_TWO
    )
    manifests = [read_manifest(read_manifest_bytes(zone.settings.outbox / each)[0]) for each in outcome["parcels"]]
    assert [each.extract_id for each in manifests] == [NIGHT_ONE, NIGHT_TWO]
    assert [each.sequence for each in manifests] == [1, 2]
    assert manifests[1].previous_manifest_sha256 == manifests[0].sha256()
    assert manifests[0].counts["tables"]["observation"]["held_back"] == {"type_one_opt_out": 1}


@pytest.mark.fault(
    "F23",
    injected="a dissent arrives after the pull and the decision, before the seal",
    happened="nobody leaves: opt-outs are read again last",
)
def test_an_objection_that_arrives_after_the_pull_still_counts(zone: SourceZone) -> None:
    write_extract(
        zone.deliveries, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "a")]}
    )
    running = zone.release()
    pull_practice(running)
    assert decide_practice(running)["may_leave"] == 1
    write_extract(zone.deliveries, {"CareRecord_Observation": [an_observation("p", "dissent", "2")]}, NIGHT_TWO)
    outcome = seal_practice(running)
    assert (outcome["sent"], outcome["extracts"]) == (0, [NIGHT_ONE])


def test_a_run_stopped_before_its_memory_moved_on_repeats_to_the_same_parcels(zone: SourceZone) -> None:
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "a")]}
    first = release(zone, rows)
    sealed = read_manifest_bytes(zone.settings.outbox / first["parcels"][0])
    (zone.settings.memory / "gpdpr" / "Y99001" / "memory.sealed").unlink()
    again = release_practice(zone.release("another run"))
    assert again["parcels"] == first["parcels"]
    assert read_manifest_bytes(zone.settings.outbox / again["parcels"][0]) == sealed


@pytest.mark.fault(
    "F39",
    injected="a practice's memory is restored from before its last parcel",
    happened="the practice stops; nothing leaves twice",
)
def test_a_memory_older_than_what_has_left_stops_the_practice(zone: SourceZone) -> None:
    memory = zone.settings.memory / "gpdpr" / "Y99001" / "memory.sealed"
    release(zone, {"Admin_Patient": [a_patient("p")]})
    backup = memory.read_bytes()
    dissent = write_extract(zone.deliveries, {"CareRecord_Observation": [an_observation("p", "d", "2")]}, NIGHT_TWO)
    release_practice(zone.release("two"))
    for path in dissent.values():  # taken, and cleared away since
        path.unlink()
    memory.write_bytes(backup)
    write_extract(zone.deliveries, {"CareRecord_Observation": [an_observation("p", "a")]}, NIGHT_THREE)
    with pytest.raises(MemoryIsOld, match="parcel 2 has left already"):
        release_practice(zone.release("three"))
    assert len(list(zone.settings.outbox.glob("*/manifest.json"))) == 2


def test_a_line_that_a_crash_cut_short_is_none(tmp_path: Path) -> None:
    ids = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(3)]
    note_left(tmp_path, "gpdpr", "Y99001", 1, ids[0])
    file = tmp_path / ".left" / "gpdpr" / "Y99001"
    file.write_text(file.read_text() + "2 00000000-0000")
    check_is_next(tmp_path, "gpdpr", "Y99001", 2, ids[1])
    note_left(tmp_path, "gpdpr", "Y99001", 2, ids[1])
    check_is_next(tmp_path, "gpdpr", "Y99001", 2, ids[1])
    for sequence in (1, 2):
        with pytest.raises(MemoryIsOld):
            check_is_next(tmp_path, "gpdpr", "Y99001", sequence, ids[2])


@pytest.mark.fault("F34", injected="a release again after it succeeded", happened="already; the outbox stays as it is")
def test_a_second_release_says_already_and_changes_nothing(zone: SourceZone) -> None:
    release(zone, {"Admin_Patient": [a_patient("p")]})
    before = sorted(zone.settings.outbox.iterdir())
    assert release_practice(zone.release())["state"] == "already"
    assert sorted(zone.settings.outbox.iterdir()) == before


def test_a_seal_run_again_names_the_parcels_of_the_try_before(zone: SourceZone) -> None:
    """Its process may have died before it told of them, and nobody would be woken to load them."""
    for name, stamp in (("a", NIGHT_ONE), ("b", NIGHT_TWO)):
        write_extract(zone.deliveries, {"Admin_Patient": [a_patient(name)]}, stamp)
    one_run = zone.release()
    pull_practice(one_run)
    decide_practice(one_run)
    sealed = seal_practice(one_run)["parcels"]
    assert len(sealed) == 2
    again = seal_practice(one_run)
    assert (again["state"], again["parcels"]) == ("already", sealed)


def test_nothing_identified_is_left_after_a_release(zone: SourceZone) -> None:
    release(
        zone,
        {
            "Admin_Patient": [a_patient("p", NhsNumber="9990548609")],
            "CareRecord_Observation": [an_observation("p", "a")],
        },
    )
    assert [path for path in zone.settings.spool.rglob("*") if path.is_file()] == []
    outside = b"".join(
        path.read_bytes()
        for folder in (zone.settings.outbox, zone.settings.memory)
        for path in folder.rglob("*")
        if path.is_file()
    )
    for identifier in ("9990548609", "Surnamep", guid("p").strip("{}")):
        assert identifier.encode() not in outside
    assert json.dumps("9990548609").encode() not in outside


def test_every_step_says_what_it_did_in_lineage_without_an_identifier(zone: SourceZone, tmp_path: Path) -> None:
    settings = replace(zone.settings, lineage=tmp_path / "lineage")
    write_extract(
        zone.deliveries, {"Admin_Patient": [a_patient("p", NhsNumber="9990548609"), a_patient("q", DummyType="x")]}
    )
    release_practice(prepare("gpdpr", a_practice(), "run", settings, folder=zone.deliveries))
    lines = "".join(path.read_text() for path in (tmp_path / "lineage").iterdir())
    events = [json.loads(line) for line in lines.splitlines()]
    steps = [event["job"]["name"] for event in events]
    assert steps == [f"gpdpr.source.{step}" for step in ("pull", "apply_opt_outs", "pseudonymise", "shred")]
    sealed = events[2]
    assert sealed["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 1
    assert sealed["run"]["facets"]["gpCollect_counts"]["counts"]["held_back"] == {"test_patient": 1}
    assert "9990548609" not in lines
    assert guid("p").strip("{}") not in lines


def test_a_step_that_fails_says_so_in_lineage(zone: SourceZone, tmp_path: Path) -> None:
    settings = replace(zone.settings, lineage=tmp_path / "lineage")
    with pytest.raises(PersonMustAct):
        release_practice(prepare("gpdpr", a_practice(), "run", settings, folder=zone.deliveries))
    events = [json.loads(line) for path in (tmp_path / "lineage").iterdir() for line in path.read_text().splitlines()]
    assert (events[0]["job"]["name"], events[0]["eventType"]) == ("gpdpr.source.pull", "FAIL")


@pytest.mark.fault(
    "F04",
    injected="the run ends before and after the rename that sends a parcel",
    happened="the next follows on what really left; never a part without its manifest",
)
@pytest.mark.parametrize("found", ["before it left", "after it left", "after it left and was carried on"])
def test_a_run_killed_around_the_moment_a_parcel_leaves_is_settled_by_the_next(
    zone: SourceZone, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops the run between two renames; what the next night releases must follow on what really left."""
    from source_zone import leave

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    write_extract(
        zone.deliveries, {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [an_observation("p", "a")]}
    )
    where = (leave, "publish_notice") if found == "before it left" else (MemoryFile, "commit")
    monkeypatch.setattr(*where, killed)
    with pytest.raises(Killed):
        release_practice(zone.release())
    monkeypatch.undo()
    left = sorted(path for path in zone.settings.outbox.iterdir() if not path.name.startswith("."))
    if found == "after it left and was carried on":
        left[0].rename(zone.root / "carried")
    write_extract(zone.deliveries, {"CareRecord_Observation": [an_observation("p", "b")]}, NIGHT_TWO)
    outcome = release_practice(zone.release("next"))
    assert (outcome["sequence"], len(outcome["parcels"])) == ((2, 2) if found == "before it left" else (2, 1))
    assert not [path for path in zone.settings.outbox.iterdir() if path.name.startswith(".")]


def test_a_surprise_in_one_practice_does_not_stop_the_others_of_its_shard(zone: SourceZone) -> None:
    shard = ["Y99001", "Y99002"]
    write_extract(zone.settings.incoming / "Y99002", {"Admin_Patient": [a_patient("p")]})
    bad = write_extract(zone.settings.incoming / "Y99001", {"Admin_Patient": [a_patient("p")]})["Admin_Patient"]
    bad.rename(bad.with_name(bad.name.replace(NIGHT_ONE, "99999999999999")))
    assert practices_due("gpdpr", zone.settings)
    for step in (pull_shard, decide_shard, seal_shard):
        states = {each["practice_code"]: each.get("state") for each in step("gpdpr", shard, "run", zone.settings)}
        assert states["Y99001"] == "failed"
    assert states["Y99002"] == "released"
    how = {each["practice_code"]: each for each in status("gpdpr", zone.settings)}
    assert (how["Y99001"]["step"], how["Y99002"]["state"]) == ("pull", "released")
    assert "time stamp is no date" in how["Y99001"]["error"]


def test_a_panic_in_one_practice_does_not_stop_the_others_of_its_shard(zone: SourceZone) -> None:
    def panicking_for_one(release: Release) -> dict[str, Any]:
        if release.practice.practice_code == "Y99001":
            raise PanicException("called `Result::unwrap()` on an `Err` value: 9990548609")
        return {"practice_code": release.practice.practice_code, "state": "released"}

    for code in ("Y99001", "Y99002"):
        write_extract(zone.settings.incoming / code, {"Admin_Patient": [a_patient("p")]})
    failed, released = _each("pull", panicking_for_one, "gpdpr", ["Y99001", "Y99002"], "run", zone.settings)
    assert (failed["state"], failed["failed"]["error"], released["state"]) == ("failed", "SoftwareFault", "released")
    assert failed["failed"]["message"].startswith("PanicException at shards.py, line")
    assert "9990548609" not in str(failed)


def test_a_shard_that_failed_whole_fails_its_task(zone: SourceZone) -> None:
    with pytest.raises(PersonMustAct, match="no folder Y99001"):
        pull_shard("gpdpr", ["Y99001"], "run", zone.settings)


def test_an_error_nobody_foresaw_tells_its_place_and_nothing_of_what_it_said() -> None:
    try:
        canonical_nhs_number(9990548609)  # type: ignore[arg-type]
    except AttributeError as error:
        said = str(as_ours(error))
    assert said.startswith("AttributeError at identifiers.py, line")
    assert "strip" not in said


def test_code_tables_may_be_empty_but_for_their_headers(zone: SourceZone) -> None:
    rows: Rows = {"Admin_Patient": [a_patient("p")], "Coding_DrugCode": [], "Coding_ClinicalCode": []}
    assert release(zone, rows)["sent"] == 1


def test_dates_that_would_give_a_birth_or_a_death_away_are_blurred() -> None:
    rows = pl.DataFrame(
        {
            "registered_date": [date(1960, 5, 20), date(1961, 1, 1)],
            "registration_end_date": [date(2023, 4, 5), date(2023, 4, 5)],
            "date_of_birth": [date(1960, 5, 17)] * 2,
            "date_of_death": [date(2023, 4, 5), None],
            "postcode": ["QQ1 1AA"] * 2,
            "sex": ["male"] * 2,
            "registration_type": ["regular"] * 2,
        }
    )
    coarse = generalise("patient", rows, Generalisations.from_policy(Policy()), Counter())
    assert coarse["registered_date"].to_list() == [None, date(1961, 1, 1)]
    assert coarse["registration_end_date"].to_list() == [date(2023, 4, 1), date(2023, 4, 5)]


@pytest.mark.parametrize("kind", ["Allergy", "Immunisation", "Observation"])
def test_a_problem_stays_with_whatever_kind_of_entry_it_extends(zone: SourceZone, kind: str) -> None:
    entry = an_observation("p", "o", ObservationType=kind, IsConfidential="true")
    problem = {"ObservationGuid": guid("o"), "PatientGuid": guid("p"), "Deleted": "false"}
    rows = {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": [entry], "CareRecord_Problem": [problem]}
    assert counts_of(zone, release(zone, rows), "problem")["held_back"] == {"withheld_with_its_observation": 1}


def test_a_retired_objection_is_counted_and_not_obeyed(zone: SourceZone) -> None:
    codes = [{"CodeId": "20", "ReadTermId": "9Nu4.00"}, {"CodeId": "21", "SnomedCTConceptId": "881581000000109"}]
    entries = [an_observation("p", "no", "20"), an_observation("p", "gone", "20", Deleted="true")]
    entries += [an_observation("p", "yes", "21")]
    outcome = release(
        zone,
        {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": entries, "Coding_ClinicalCode": codes},
    )
    counted = {"type_two_dissent": 1, "type_two_withdrawal": 1}
    assert (outcome["retired_objections"], outcome["patients_held_back"]) == (counted, {})
    manifest = read_manifest(read_manifest_bytes(zone.settings.outbox / outcome["parcels"][-1])[0])
    assert manifest.counts["retired_objections"] == counted
