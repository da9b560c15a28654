"""GPDPR 0.77, small files of a patient or two: what each row becomes, and what becomes of it."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from crossing.canonical import TABLES
from crossing.errors import PersonMustAct
from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from crossing.policy import Policy
from source_zone.adapters.gpdpr_xml.adapter import GpdprXml
from source_zone.adapters.gpdpr_xml.layout import CHILDREN, ROWS
from source_zone.adapters.gpdpr_xml.policy import read_fields
from source_zone.identified import ReadTally
from source_zone.release_practice import release_practice
from support.gpdpr_files import (
    NIGHT_ONE,
    NIGHT_TWO,
    Row,
    a_patient,
    an_entry,
    an_observation,
    uid,
    write_extract,
)
from support.source_zone import SourceZone, a_practice, make_source_zone

KEY = "token-gpdpr-v1"
DISSENT, WITHDRAWAL, RESTRICTED = "827241000000103", "827261000000102", "63487001"


def read(folder: Path, tally: ReadTally | None = None) -> dict[str, list[dict[str, Any]]]:
    adapter = GpdprXml("Y99001", Policy(), KEY)
    rows: dict[str, list[dict[str, Any]]] = {}
    for extract in adapter.find_extracts(folder):
        for batch in adapter.read(extract, tally or ReadTally()):
            rows.setdefault(batch.table, []).extend(batch.rows.to_pylist())
    return rows


def read_one(folder: Path, row: Row) -> dict[str, Any]:
    write_extract(folder, [[a_patient("p"), row]])
    table = ROWS[row[0]]
    return read(folder)[table][0]


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def release(zone: SourceZone, *snapshots: list[Row], stamp: str = NIGHT_ONE, sequence: int = 1, **how: Any) -> dict:
    write_extract(zone.deliveries, snapshots, stamp, sequence, **how)
    return release_practice(zone.release(practice=a_practice(format_="gpdpr_xml"), run_id=f"run {stamp}"))


def counts_of(zone: SourceZone, outcome: dict, table: str) -> dict:
    manifest = read_manifest(read_manifest_bytes(zone.settings.outbox / outcome["parcels"][-1])[0])
    return dict(manifest.counts["tables"][table])


def test_a_patient(tmp_path: Path) -> None:
    write_extract(tmp_path, [[a_patient("p", date_of_death_deid="2024-02-03", registration_end_date="2024-02-03")]])
    row = read(tmp_path)["patient"][0]
    assert {name: value for name, value in row.items() if value is not None} == {
        "record_id": uid("p").upper(),
        "registration_id": uid("p").upper(),
        "is_deleted": False,
        "sex": "female",
        "registered_date": date(2001, 1, 1),
        "registration_end_date": date(2024, 2, 3),
        "registration_type": "regular",
        "nhs_number": "9990548609",
        "date_of_birth": date(1960, 5, 17),
        "date_of_death": date(2024, 2, 3),
        "postcode": "QQ1 1AA",
        "is_test_patient": False,
        "is_confidential": False,
    }


def test_a_birthday_written_with_its_midnight_is_a_day(tmp_path: Path) -> None:
    write_extract(tmp_path, [[a_patient("p", date_of_birth_deid="1960-05-17T00:00:00")]])
    row = read(tmp_path)["patient"][0]
    assert (row["date_of_birth"], row["fault"]) == (date(1960, 5, 17), None)


def test_an_observation_with_everything(tmp_path: Path) -> None:
    row = read_one(
        tmp_path,
        an_observation(
            "p",
            "o",
            readv2_code="H33..00",
            ctv3_code="H33..",
            other_code="EMISNQAS1",
            other_code_system="urn:oid:1.2",
            other_display="Mrs Surname's asthma",
            rubric="Mrs Surname's asthma",
            value_pq_1="12.5",
            uom="mmol/L",
            comparator="<",
            range_lower="1",
            range_upper="20",
            value_string="Mrs Surname",
            practitioner_id=uid("doctor"),
            encounter_id=uid("visit"),
        ),
    )
    assert "Surname" not in str(row)
    assert {name: value for name, value in row.items() if value is not None} == {
        "record_id": uid("o").upper(),
        "registration_id": uid("p").upper(),
        "is_deleted": False,
        "effective_date": date(2024, 3, 1),
        "effective_date_precision": "day",
        "recorded_at": datetime(2024, 3, 1, 9, 30),
        "staff_role_id": uid("doctor").upper(),
        "encounter_id": uid("visit").upper(),
        "snomed_concept_id": "195967001",
        "read_v2_code": "H33..00",
        "ctv3_code": "H33..",
        "local_code": "EMISNQAS1",
        "value": 12.5,
        "value_unit": "mmol/L",
        "value_comparator": "<",
        "range_low": 1.0,
        "range_high": 20.0,
        "is_confidential": False,
    }


@pytest.mark.parametrize(
    ("text", "day", "precision"),
    [
        ("2019", date(2019, 1, 1), "year"),
        ("2019-03", date(2019, 3, 1), "month"),
        ("2019-03-05", date(2019, 3, 5), "day"),
        ("2019-03-05T10:11", date(2019, 3, 5), "day"),
        ("2019-03-05T10:11:12.123", date(2019, 3, 5), "day"),
        ("2019-03-05T10:11:12Z", date(2019, 3, 5), "day"),
        ("", None, "unknown"),
    ],
)
def test_a_partial_date_stays_partial(tmp_path: Path, text: str, day: date | None, precision: str) -> None:
    row = read_one(tmp_path, an_observation("p", "o", effective_date=text))
    assert (row["effective_date"], row["effective_date_precision"], row["fault"]) == (day, precision, None)


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"effective_date": "2019-02-30"}, "unreadable_date"),
        ({"effective_date": "2019-3-5"}, "unreadable_date"),
        ({"effective_date": "05/03/2019"}, "unreadable_date"),
        ({"effective_date": "20190305"}, "unreadable_date"),
        ({"effective_date": "0000-01-01"}, "unreadable_date"),
        ({"effective_date": "2019-03-05T25:00"}, None),  # the day is sound, and no more of it is read
        ({"recorded_date": "2019-02-30T10:00:00"}, "unreadable_date"),
        ({"recorded_date": "2019-03-05T25:00:00"}, "unreadable_date"),
        ({"recorded_date": "2019-03-05"}, None),
        ({"value_pq_1": "about 7"}, "unreadable_number"),
        ({"range_upper": "1e999"}, "unreadable_number"),
        ({"deletion_flag": "perhaps"}, "unreadable_flag"),
        ({"snomed_concept_id": ""}, "uncoded_entry"),
        ({"other_code": "EMISNQAS1"}, "unknown_code"),
        ({"value_snomed_concept_id": WITHDRAWAL}, "unsure_withdrawal"),
        ({"value_readv2_code": "9Nu1.00"}, "unsure_withdrawal"),
    ],
)
def test_a_row_that_cannot_be_read_or_trusted_names_its_fault(tmp_path: Path, cells: dict, fault: str | None) -> None:
    assert read_one(tmp_path, an_observation("p", "o", **cells))["fault"] == fault


@pytest.mark.parametrize(
    ("table", "cells", "expected"),
    [
        (
            "medication",
            {"intent": "order", "duration": "2", "duration_uom": "weeks"},
            {"intent": "order", "course_days": 14},
        ),
        ("medication", {"duration": "2", "duration_uom": "courses"}, {"course_days": None}),
        ("medication", {"status": "stopped"}, {"is_active": False}),
        ("medication", {"status": "who knows"}, {"is_active": None}),
        ("medication", {"type": "Repeat Dispensing"}, {"prescription_type": "repeat_dispensing"}),
        ("medication", {}, {"dmd_code": "195967001"}),
        (
            "referral",
            {"priority": "2 Week Wait", "to_organisation": "x"},
            {"urgency": "two_week_wait", "target_organisation_id": "X"},
        ),
        ("problem", {"end_date": "2020-05"}, {"end_date": date(2020, 5, 1), "end_date_precision": "month"}),
        ("encounter", {"appointment_id": "slot"}, {"appointment_id": "SLOT"}),
        ("allergy", {"status": "active"}, {"status": "active"}),
        ("allergy", {"reaction_ctv3_code": "XaZ89"}, {"further_codes": "XaZ89"}),
        ("immunisation", {"substance_other_code": "A1"}, {"further_codes": "A1"}),
        ("medication", {"stop_readv2_code": "9Nu0."}, {"further_codes": "9Nu0."}),
    ],
)
def test_other_tables(tmp_path: Path, table: str, cells: dict, expected: dict) -> None:
    row = read_one(tmp_path, an_entry(table, "p", "e", **cells))
    assert {name: row[name] for name in expected} == expected


def test_a_link_gives_its_entry_the_problem_and_is_counted(tmp_path: Path) -> None:
    link = ("problem-link", {"id": "l", "registration_id": uid("p"), "event_id": uid("o"), "problem_id": uid("asthma")})
    removed = ("problem-link", {**link[1], "event_id": uid("other"), "deletion_flag": "true"})
    elsewhere = ("problem-link", {**link[1], "event_id": uid("long ago")})
    rows = [a_patient("p"), link, an_observation("p", "o"), an_observation("p", "other"), removed, elsewhere]
    write_extract(tmp_path, [rows])
    tally = ReadTally()
    found = read(tmp_path, tally)["observation"]
    assert [row["problem_id"] for row in found] == [uid("asthma").upper(), None]
    assert tally.reference_rows["problem_link"] == 2
    assert tally.not_collected["problem_link_without_its_entry"] == 1


def test_the_practice_and_its_staff_come_without_names(tmp_path: Path) -> None:
    rows = [
        ("organisation", {"id": "o", "name": "Surgery of Surname", "ods_code": "Y99001", "type": "GP Practice"}),
        ("practitioner", {"id": "d", "surname": "Surname", "sds_job_role_code": "R0260"}),
    ]
    write_extract(tmp_path, [[a_patient("p")]], practice_rows=rows)
    found = read(tmp_path)
    assert (found["organisation"][0]["ods_code"], found["organisation"][0]["organisation_type"]) == (
        "Y99001",
        "gp_practice",
    )
    assert found["staff_role"][0]["job_category_code"] == "R0260"
    assert "Surname" not in str(found)


@pytest.mark.parametrize(
    ("number", "whose"),
    [("9990548609", uid("p").upper()), ("999 054 8609", uid("p").upper()), ("9990000018", "?"), ("", None)],
)
def test_an_appointment_is_led_to_its_registration_by_the_nhs_number(
    tmp_path: Path, number: str, whose: str | None
) -> None:
    slot = {"id": "s", "patient_id_deid": number, "scheduled_start_time": "2026-10-01T09:00:00", "status": "DNA"}
    write_extract(tmp_path, [[a_patient("p")]], appointments=[("appointment", {**slot, "scheduled_duration": "10"})])
    row = read(tmp_path)["appointment"][0]
    assert (row["registration_id"], row["status"], row["did_not_attend"]) == (whose, "did_not_attend", True)
    assert (row["effective_date"], row["planned_minutes"]) == (date(2026, 10, 1), 10)


def test_an_appointment_of_a_later_night_is_led_there_too_and_to_the_registration_that_goes_on(tmp_path: Path) -> None:
    left = a_patient("left", registered_date="2010-01-01", registration_end_date="2012-01-01")
    adapter = GpdprXml("Y99001", Policy(), KEY)
    slot = ("appointment", {"id": "s", "patient_id_deid": "9990548609"})
    write_extract(tmp_path, [[a_patient("back", registered_date="2005-01-01")], [left]], appointments=[slot])
    tally = ReadTally()
    for _ in adapter.read(adapter.find_extracts(tmp_path)[0], tally):
        pass
    later = GpdprXml("Y99001", Policy(), KEY, tally.remembered)
    write_extract(tmp_path, [], NIGHT_TWO, 2, appointments=[slot])
    rows = [batch.rows.to_pylist() for batch in later.read(later.find_extracts(tmp_path)[1], ReadTally())]
    assert rows[0][0]["registration_id"] == uid("back").upper()


def test_appointments_are_not_led_to_a_registration_that_was_deleted(tmp_path: Path) -> None:
    gone = ("patient", {"id": uid("newer"), "source_registration_type": "Deleted"})
    rows = [[a_patient("p")], [a_patient("newer", registered_date="2020-01-01")], [gone]]
    write_extract(tmp_path, rows, appointments=[("appointment", {"id": "s", "patient_id_deid": "9990548609"})])
    assert read(tmp_path)["appointment"][0]["registration_id"] == uid("p").upper()


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"source_registration_type": "Dummy"}, "test_patient"),
        ({"source_registration_type": " CONFIDENTIAL "}, "confidential_patient"),
        ({"registration_end_date": "2021-08-31"}, "left_before_start"),
        ({"date_of_death_deid": "2021-08-31"}, "died_before_start"),
        ({"registration_type": "temporary"}, "registration_out_of_scope"),
        ({"registration_type": ""}, "registration_out_of_scope"),
        ({"registration_status": "false"}, "registration_out_of_scope"),
        ({"registration_status": "perhaps"}, "registration_out_of_scope"),
        ({"date_of_birth_deid": "1960"}, "unreadable_patient_record"),
        ({"date_of_birth_deid": ""}, "unreadable_patient_record"),
        ({"date_of_death_deid": "2024-02"}, "unreadable_patient_record"),
    ],
)
def test_a_patient_who_may_not_leave_takes_every_entry_along(zone: SourceZone, cells: dict, reason: str) -> None:
    outcome = release(zone, [a_patient("p", **cells), an_observation("p", "o")])
    assert outcome["patients_held_back"] == {reason: 1}
    assert counts_of(zone, outcome, "observation")["held_back"] == {reason: 1}


@pytest.mark.parametrize(
    "cells",
    [
        {"snomed_concept_id": DISSENT},
        {"snomed_concept_id": "", "readv2_code": "9Nu0.00"},
        {"snomed_concept_id": "", "ctv3_code": "XaZ89"},
        {"other_code": "XaZ89"},
        {"value_snomed_concept_id": DISSENT},
        {"value_other_code": "9Nu0"},
        {"snomed_expression": f"195967001|Asthma|:{DISSENT}|Dissent|"},
        {"other_expession": "(9Nu0.)"},
        {"value_other_expession": "XaZ89"},
        {"snomed_concept_id": DISSENT, "registration_id": ""},
        {"snomed_concept_id": DISSENT, "deletion_flag": "perhaps"},
        {"snomed_concept_id": DISSENT, "effective_date": "31/12/2018"},
    ],
)
def test_a_dissent_is_seen_wherever_it_stands(zone: SourceZone, cells: dict) -> None:
    assert release(zone, [a_patient("p"), an_observation("p", "no", **cells)])["patients_held_back"] == {
        "type_one_opt_out": 1
    }


@pytest.mark.parametrize(
    "table", ["encounter", "immunisation", "recall", "allergy", "medication", "referral", "problem"]
)
def test_a_dissent_is_seen_in_any_table(zone: SourceZone, table: str) -> None:
    outcome = release(zone, [a_patient("p"), an_entry(table, "p", "no", DISSENT)])
    assert outcome["patients_held_back"] == {"type_one_opt_out": 1}


def test_a_withdrawal_lifts_a_dissent_only_as_an_entrys_own_code(zone: SourceZone) -> None:
    no = an_observation("p", "no", DISSENT, effective_date="2020-01-01")
    doubtful = an_observation("p", "yes?", value_snomed_concept_id=WITHDRAWAL, effective_date="2022-01-01")
    assert release(zone, [a_patient("p"), no, doubtful])["patients_held_back"] == {"type_one_opt_out": 1}
    plain = an_observation("p", "yes", WITHDRAWAL, effective_date="2023-01-01")
    assert release(zone, [plain], stamp=NIGHT_TWO, sequence=2)["patients_held_back"] == {"awaits_whole_record": 1}


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (an_observation("p", "o", value_snomed_concept_id=RESTRICTED), ("held_back", "legally_restricted_code")),
        (
            an_entry("allergy", "p", "o", reaction_snomed_concept_id=RESTRICTED),
            ("held_back", "legally_restricted_code"),
        ),
        (an_entry("medication", "p", "o", stop_other_code="7E0A."), ("held_back", "legally_restricted_code")),
        (an_entry("immunisation", "p", "o", substance_readv2_code="7E0A.11"), ("held_back", "legally_restricted_code")),
        (an_observation("p", "o", snomed_expression=f"{RESTRICTED} |IVF|"), ("held_back", "legally_restricted_code")),
        (an_observation("p", "o", value_other_code="9990548609"), ("quarantined", "identifier_in_code")),
        (an_observation("p", "o", other_expession="rang from 9990548609"), ("quarantined", "identifier_in_code")),
        (an_observation("p", "o", value_pq_1="9990548609"), ("quarantined", "identifier_in_value")),
        (an_observation("p", "o", effective_date="1960-05-16"), ("quarantined", "dated_before_birth")),
        (an_observation("stranger", "o"), ("held_back", "unknown_patient")),
        (an_observation("", "o", registration_id=""), ("held_back", "no_patient")),
        (an_entry("referral", "p", "o", effective_date="2016-09-01"), ("held_back", "outside_look_back")),
    ],
)
def test_what_becomes_of_an_entry(zone: SourceZone, row: Row, verdict: tuple[str, str]) -> None:
    outcome = release(zone, [a_patient("p")], [row])
    kind, reason = verdict
    assert counts_of(zone, outcome, ROWS[row[0]])[kind] == {reason: 1}


def test_a_deleted_entry_and_a_deleted_patient_leave_as_tombstones(zone: SourceZone) -> None:
    release(zone, [a_patient("p"), an_observation("p", "o")])
    gone = ("patient", {"id": uid("p"), "source_registration_type": "Registered in error"})
    deleted = an_observation("p", "o", "", deletion_flag="true", effective_date="", recorded_date="")
    outcome = release(zone, [gone, deleted], stamp=NIGHT_TWO, sequence=2)
    assert counts_of(zone, outcome, "observation")["sent"] == 1
    assert counts_of(zone, outcome, "patient")["sent"] == 1


def test_an_objection_holds_for_the_person_under_any_of_their_registrations(zone: SourceZone) -> None:
    outcome = release(zone, [a_patient("then"), an_observation("then", "no", DISSENT)], [a_patient("now")])
    assert outcome["patients_held_back"] == {"type_one_opt_out": 2}


@pytest.mark.parametrize(
    "rows",
    [
        [a_patient("p"), an_observation("another", "o")],
        [a_patient("p"), a_patient("q"), an_observation("", "o", registration_id="")],
    ],
)
def test_a_snapshot_of_several_patients_stops_the_practice(tmp_path: Path, rows: list[Row]) -> None:
    write_extract(tmp_path, [rows])
    with pytest.raises(PersonMustAct, match=r"line [78], row [23]: a row of a snapshot names"):
        read(tmp_path)


def test_nothing_of_what_policy_drops_is_read() -> None:
    policy = Policy()
    fields, lines = read_fields(policy), policy.table("fields/gpdpr_xml.toml")
    for table in ROWS.values():
        dropped = {name for name, line in lines[table].items() if line["action"] == "drop"}
        assert dropped & {*fields.read[table]} == set()
    for leaks in ("value_string", "dose", "rubric", "other_display", "other_reason", "eps_id", "ubrn", "booking_id"):
        assert all(lines[table][leaks]["action"] == "drop" for table in ROWS.values() if leaks in lines[table]), leaks


def test_every_attribute_that_travels_goes_to_a_column_there_is() -> None:
    lines = Policy().table("fields/gpdpr_xml.toml")
    columns = {column.name for table in TABLES.values() for column in table}
    for element in (*CHILDREN, *ROWS.values()):
        for name, line in lines[element].items():
            assert len(line["why"]) > 4, f"{element}.{name}"
            assert {*line.get("to", "").split(", ")} - {""} <= columns, f"{element}.{name}"
