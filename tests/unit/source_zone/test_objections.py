"""Whatever goes wrong with an entry, nobody leaves because of it: real deliveries, night after night."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from crossing.errors import PersonMustAct
from source_zone.release_practice import decide_practice, pull_practice, release_practice, seal_practice
from source_zone.windows import window_of_days
from support.emis_files import CODES, Rows, a_patient, an_observation, guid, write_extract
from support.source_zone import SourceZone, make_source_zone

NIGHTS = ("20260902010000", "20260903010000", "20260904010000")
HELD = {"type_one_opt_out": 1}


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def nights(zone: SourceZone, *deliveries: Rows) -> dict[str, int]:
    """Who is held back after the last of several nights, each released on its own."""
    for stamp, rows in zip(NIGHTS, deliveries, strict=False):
        write_extract(zone.deliveries, rows, stamp)
        outcome = release_practice(zone.release(stamp))
    return dict(outcome["patients_held_back"])


def first(*entries: dict[str, str]) -> Rows:
    return {"Admin_Patient": [a_patient("p")], "CareRecord_Observation": list(entries)}


DISSENT = an_observation("p", "d", "2")


@pytest.mark.parametrize(
    "amended",
    [
        pytest.param({"CodeId": "404"}, id="to a code nobody knows"),
        pytest.param({"CodeId": ""}, id="to no code"),
        pytest.param({"PatientGuid": ""}, id="to nobody"),
        pytest.param({"PatientGuid": guid("q"), "CodeId": "1"}, id="to somebody else"),
        pytest.param({"EffectiveDate": "2019-02-30", "CodeId": "1"}, id="to a date that cannot be read"),
        pytest.param({"EffectiveDate": "2019-02-30"}, id="still a dissent, on a date that cannot be read"),
        pytest.param({"CodeId": "3", "ObservationType": "Family History"}, id="to somebody else's withdrawal"),
        pytest.param({"PatientGuid": guid("q"), "Deleted": "true"}, id="by a tombstone of somebody else"),
    ],
)
def test_a_dissent_is_not_lifted_by_a_doubtful_amendment(zone: SourceZone, amended: dict[str, str]) -> None:
    assert nights(zone, first(DISSENT), {"CareRecord_Observation": [{**DISSENT, **amended}]}) == HELD


WITHDRAWAL = an_observation("p", "w", "3", EffectiveDate="2024-06-01")


@pytest.mark.parametrize(
    "then",
    [
        pytest.param({"Deleted": "true"}, id="deleted, by a tombstone that still bears its code"),
        pytest.param({"Deleted": "true", "PatientGuid": "", "CodeId": ""}, id="deleted, by a tombstone of nobody"),
        pytest.param({"EffectiveDate": "2024-02-31"}, id="amended to a date that cannot be read"),
        pytest.param({"CodeId": "404"}, id="amended to a code nobody knows"),
        pytest.param({"CodeId": "1"}, id="amended to something else"),
        pytest.param({"PatientGuid": guid("q")}, id="amended to be somebody else's"),
        pytest.param({"ObservationType": "Family History"}, id="amended to be a relative's"),
    ],
)
def test_a_withdrawal_counts_only_while_it_is_the_last_word_on_its_entry(
    zone: SourceZone, then: dict[str, str]
) -> None:
    assert nights(zone, first(DISSENT, WITHDRAWAL), {"CareRecord_Observation": [{**WITHDRAWAL, **then}]}) == HELD


def test_a_withdrawal_said_again_still_counts(zone: SourceZone) -> None:
    assert nights(zone, first(DISSENT, WITHDRAWAL), {"CareRecord_Observation": [WITHDRAWAL]}) == {}


def test_a_withdrawal_that_nothing_could_ever_end_does_not_count(zone: SourceZone) -> None:
    assert nights(zone, first(DISSENT, {**WITHDRAWAL, "ObservationGuid": ""})) == HELD


@pytest.mark.parametrize(("last", "held"), [("1", {}), ("2", HELD)])
def test_of_a_record_that_comes_twice_in_one_delivery_the_last_line_counts(
    zone: SourceZone, last: str, held: dict[str, int]
) -> None:
    other = {"1": "2", "2": "1"}[last]
    assert nights(zone, first(an_observation("p", "d", other), an_observation("p", "d", last))) == held


def test_a_dissent_amended_to_something_else_soundly_is_lifted(zone: SourceZone) -> None:
    lifted = nights(zone, first(DISSENT), {"CareRecord_Observation": [{**DISSENT, "CodeId": "1"}]})
    assert lifted == {"awaits_whole_record": 1}


def test_entries_without_a_record_id_do_not_replace_each_other(zone: SourceZone) -> None:
    both = [{**DISSENT, "ObservationGuid": ""}, {**an_observation("q", "w", "3"), "ObservationGuid": ""}]
    rows = {"Admin_Patient": [a_patient("p"), a_patient("q")], "CareRecord_Observation": both}
    assert nights(zone, rows) == HELD


@pytest.mark.parametrize(
    "code",
    [
        {"ReadTermId": "9Nu0-1"},
        {"ReadTermId": "9Nu0"},
        {"ReadTermId": "9Nu0.11"},
        {"ReadTermId": "9Nu011"},
        {"NationalCode": "827241000000103"},
        {"SnomedCTConceptId": "827241000000103.0"},
        {"SnomedCTConceptId": "0827241000000103"},
        {"SnomedCTConceptId": "827241000000103\u200b"},
        {"SnomedCTConceptId": "827261000000102", "ReadTermId": "9Nu0."},
    ],
)
def test_a_dissent_counts_however_its_code_is_written(zone: SourceZone, code: dict[str, str]) -> None:
    codes = [*CODES, {"CodeId": "99", **code}]
    assert nights(zone, {**first({**DISSENT, "CodeId": "99"}), "Coding_ClinicalCode": codes}) == HELD


@pytest.mark.parametrize("code", [{"ReadTermId": "7E0A1"}, {"NationalCode": "63487001"}])
def test_so_does_a_restricted_code(zone: SourceZone, code: dict[str, str]) -> None:
    write_extract(
        zone.deliveries,
        {**first(an_observation("p", "r", "99")), "Coding_ClinicalCode": [*CODES, {"CodeId": "99", **code}]},
    )
    assert release_practice(zone.release())["held_back"] == {"legally_restricted_code": 1}


def test_codes_that_went_through_a_spreadsheet_stop_the_practice(zone: SourceZone) -> None:
    write_extract(
        zone.deliveries, {**first(), "Coding_ClinicalCode": [{"CodeId": "99", "SnomedCTConceptId": "8.27241E+14"}]}
    )
    with pytest.raises(PersonMustAct, match="went through a spreadsheet"):
        release_practice(zone.release())


def test_a_dissent_whose_code_comes_a_night_later_counts_from_then(zone: SourceZone) -> None:
    without = [row for row in CODES if row["CodeId"] != "2"]
    assert nights(zone, {**first(DISSENT), "Coding_ClinicalCode": without}, {}, {}) == HELD


def test_a_late_look_knows_the_codes_of_this_run(zone: SourceZone) -> None:
    write_extract(zone.deliveries, first(an_observation("p", "a")), NIGHTS[0])
    running = zone.release()
    pull_practice(running)
    decide_practice(running)
    write_extract(zone.deliveries, {"CareRecord_Observation": [DISSENT], "Coding_ClinicalCode": []}, NIGHTS[1])
    assert seal_practice(running)["sent"] == 0


def test_an_objection_holds_under_every_registration_of_the_person(zone: SourceZone) -> None:
    twice = [a_patient("p", NhsNumber="9990548609"), a_patient("again", NhsNumber="999 054 8609")]
    assert nights(zone, {"Admin_Patient": twice, "CareRecord_Observation": [DISSENT]}) == {"type_one_opt_out": 2}


@pytest.mark.parametrize(
    ("dissent", "withdrawal", "held"),
    [
        (("2024-01-01", "Y"), ("2024-03-01", "YMD"), HELD),
        (("2024-01-01", "Y"), ("2025-01-01", "YMD"), {}),
        (("2024-03-01", "YM"), ("2024-03-20", "YMD"), HELD),
        (("2024-03-20", "YMD"), ("2024-03-01", "YM"), HELD),
        (("1900-01-01", "U"), ("2024-03-01", "YMD"), HELD),
        (("2024-01-01", "YMD"), ("2025-01-01", "U"), HELD),
    ],
)
def test_a_partial_date_is_read_against_leaving(
    zone: SourceZone, dissent: tuple[str, str], withdrawal: tuple[str, str], held: dict[str, int]
) -> None:
    entries = [
        an_observation("p", name, code, EffectiveDate=day, EffectiveDatePrecision=precision)
        for name, code, (day, precision) in (("d", "2", dissent), ("w", "3", withdrawal))
    ]
    assert nights(zone, first(*entries)) == held


@pytest.mark.parametrize("day", ["0000-01-01", "9999-12-31", "10000-01-01"])
def test_a_dissent_on_an_impossible_day_counts(zone: SourceZone, day: str) -> None:
    assert nights(zone, first({**DISSENT, "EffectiveDate": day})) == HELD


@pytest.mark.parametrize("table", ["CareRecord_Diary", "CareRecord_ObservationReferral"])
def test_a_withdrawal_counts_from_the_record_only(zone: SourceZone, table: str) -> None:
    key, code = {
        "CareRecord_Diary": ("DiaryGuid", "CodeId"),
        "CareRecord_ObservationReferral": ("ObservationGuid", "ReferralReasonCodeId"),
    }[table]
    elsewhere = {
        key: guid("w"),
        "PatientGuid": guid("p"),
        code: "3",
        "EffectiveDate": "2025-01-01",
        "Deleted": "false",
        "IsConfidential": "false",
    }
    known = {
        name: value
        for name, value in elsewhere.items()
        if table == "CareRecord_Diary" or name not in ("EffectiveDate", "Deleted", "IsConfidential")
    }
    assert nights(zone, {**first(DISSENT), table: [known]}) == HELD


@pytest.mark.parametrize("table", ["CareRecord_Diary", "CareRecord_ObservationReferral"])
def test_a_dissent_counts_from_anywhere(zone: SourceZone, table: str) -> None:
    key, code = {
        "CareRecord_Diary": ("DiaryGuid", "CodeId"),
        "CareRecord_ObservationReferral": ("ObservationGuid", "ReferralReasonCodeId"),
    }[table]
    assert nights(zone, {**first(), table: [{key: guid("x"), "PatientGuid": guid("p"), code: "2"}]}) == HELD


def test_a_dissent_in_a_referral_is_not_lifted_by_the_entry_it_is_about(zone: SourceZone) -> None:
    entry = an_observation("p", "d", "1")
    referral = {"ObservationGuid": guid("d"), "PatientGuid": guid("p"), "ReferralReasonCodeId": "2"}
    both = {**first(entry), "CareRecord_ObservationReferral": [referral]}
    assert nights(zone, both, {"CareRecord_Observation": [entry]}) == HELD


def test_two_files_of_one_table_stop_the_practice(zone: SourceZone) -> None:
    files = write_extract(zone.deliveries, first(DISSENT))
    observations = files["CareRecord_Observation"]
    (observations.parent / observations.name.replace("45E7CD20", "55E7CD20")).write_bytes(observations.read_bytes())
    with pytest.raises(PersonMustAct, match="two files of one table"):
        release_practice(zone.release())


@pytest.mark.runbook("DeliveryOutOfTurn")
def test_an_older_delivery_that_comes_late_does_not_undo_newer_facts(zone: SourceZone) -> None:
    write_extract(zone.deliveries, first(DISSENT), NIGHTS[1])
    release_practice(zone.release())
    write_extract(zone.deliveries, first({**DISSENT, "CodeId": "1"}), NIGHTS[0])
    with pytest.raises(PersonMustAct, match="older than one already taken"):
        release_practice(zone.release("late"))


def test_a_late_delivery_does_not_forget_an_entry_that_waits_for_its_code(zone: SourceZone) -> None:
    entry = an_observation("p", "d", "99")
    nights(zone, first({**entry, "CodeId": "1"}))
    write_extract(zone.deliveries, {"CareRecord_Observation": [entry]}, NIGHTS[2])
    release_practice(zone.release(NIGHTS[2]))
    write_extract(zone.deliveries, {"CareRecord_Observation": [{**entry, "CodeId": "1"}]}, NIGHTS[1])
    late = replace(zone.release(NIGHTS[1]), window=window_of_days(date(2026, 9, 3), date(2026, 9, 3)))
    assert release_practice(late)["state"] == "released"
    dissent = {"CodeId": "99", "SnomedCTConceptId": "827241000000103"}
    write_extract(zone.deliveries, {"Coding_ClinicalCode": [dissent]}, "20260905010000")
    assert release_practice(zone.release("then"))["patients_held_back"] == HELD


def test_a_delivery_changed_after_it_was_taken_is_noticed(zone: SourceZone) -> None:
    write_extract(zone.deliveries, first())
    release_practice(zone.release())
    write_extract(zone.deliveries, first(DISSENT))
    with pytest.raises(PersonMustAct, match="files have changed since"):
        release_practice(zone.release("again"))
