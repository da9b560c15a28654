"""TPP over several nights: whose rows, what is removed, what a full load leaves out, codes that come late."""

from pathlib import Path

import pytest

from source_zone.identified import ReadTally
from support.tpp_files import a_code, a_patient, a_removal, an_entry, read, together, write_extract

TUESDAY, WEDNESDAY = "20260903_0100", "20260904_0100"
OTHER = "Y99777"
Row = dict[str, object]


def first_night(folder: Path, *parts: dict[str, list[dict[str, str]]]) -> ReadTally:
    write_extract(folder, together(a_patient(), *parts))
    return read(folder)[1]


def next_night(folder: Path, before: ReadTally, rows: dict[str, list[dict[str, str]]], stamp: str = TUESDAY):  # type: ignore[no-untyped-def]
    write_extract(folder, rows, stamp=stamp, changes=True, first=False)
    return read(folder, before)


def of(rows: list[Row], *columns: str) -> list[tuple[object, ...]]:
    return [tuple(row[column] for column in columns) for row in rows]


def test_a_removal_that_names_no_patient_finds_the_patient(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100)]})
    rows, _ = next_night(tmp_path, before, {"SRCode": [a_removal(100)]})
    assert of(rows["observation"], "record_id", "registration_id", "is_deleted") == [
        ("SRCode/100", "SRPatient/1", True)
    ]


def test_a_removal_of_what_nobody_knew_is_nobodys_and_is_not_lost(tmp_path: Path) -> None:
    rows, _ = next_night(tmp_path, first_night(tmp_path), {"SRCode": [a_removal(5)]})
    assert of(rows["observation"], "record_id", "registration_id") == [("SRCode/5", None)]


def test_numbers_are_counted_anew_in_each_table(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100)], "SREvent": [an_entry(100)]})
    rows, _ = next_night(tmp_path, before, {"SREvent": [a_removal(100)]})
    assert set(rows) == {"encounter"}


def test_a_record_that_was_removed_is_forgotten(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100), a_code(101)]})
    _, then = next_night(tmp_path, before, {"SRCode": [a_removal(100)]})
    assert then.remembered["records_SRCode"].column("record").to_pylist() == [101]


def test_what_a_full_load_no_longer_holds_is_removed(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100), a_code(101)]})
    write_extract(tmp_path, together(a_patient(), {"SRCode": [a_code(101)]}), stamp=TUESDAY)
    rows, then = read(tmp_path, before)
    assert of(rows["observation"], "record_id", "is_deleted") == [("SRCode/101", False), ("SRCode/100", True)]
    assert then.remembered["records_SRCode"].column("record").to_pylist() == [101]


def test_a_full_load_of_one_table_leaves_the_others_alone(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100)], "SREvent": [an_entry(7)]})
    rest = {"SRPatient", "SRPatientRegistration", "SRPatientAddressHistory", "SREvent", "SRCtv3", "SRCtv3ToSnomed"}
    write_extract(tmp_path, {}, stamp=TUESDAY, changes=rest, first=False)
    rows, _ = read(tmp_path, before)
    assert "encounter" not in rows
    assert of(rows["observation"], "record_id", "is_deleted") == [("SRCode/100", True)]


def test_another_organisations_rows_are_counted_and_left(tmp_path: Path) -> None:
    theirs = a_code(200, IDOrganisationVisibleTo=OTHER)
    write_extract(tmp_path, together(a_patient(), {"SRCode": [theirs, a_code(100)]}))
    rows, tally = read(tmp_path)
    assert of(rows["observation"], "record_id") == [("SRCode/100",)]
    assert tally.not_collected["visible_to_another_organisation"] == 1


def test_a_dissent_in_another_organisations_row_is_told_beside_our_own_row_of_that_number(tmp_path: Path) -> None:
    dissent = a_code(100, CTV3Code="XaZ89", IDOrganisationVisibleTo=OTHER)
    removed = a_code(101, CTV3Code="XaZ89", IDOrganisationVisibleTo=OTHER, RemovedData="1")
    write_extract(tmp_path, together(a_patient(), {"SRCode": [a_code(100), dissent, removed]}))
    rows, tally = read(tmp_path)
    assert set(of(rows["observation"], "record_id", "ctv3_code", "fault")) == {
        ("SRCode/100", "H33..", None),
        ("SRCode/100|visible_to_another_organisation", "XaZ89", "visible_to_another_organisation"),
    }
    assert tally.not_collected["visible_to_another_organisation"] == 1
    assert tally.remembered["records_SRCode"].column("record").to_pylist() == [100]


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"IDOrganisationRegisteredAt": OTHER}, "registered_elsewhere"),
        ({"IDOrganisationRegisteredAt": ""}, "unknown_organisation"),
        ({"IDOrganisationVisibleTo": ""}, "unknown_organisation"),
        ({"RemovedData": "perhaps"}, "unreadable_flag"),
    ],
)
def test_a_row_of_another_service_is_held_back_but_looked_at(tmp_path: Path, cells: dict[str, str], fault: str) -> None:
    write_extract(tmp_path, together(a_patient(), {"SRCode": [a_code(100, **cells), a_code(101)]}))
    assert of(read(tmp_path)[0]["observation"], "fault") == [(fault,), (None,)]


def test_what_an_earlier_gp_practice_wrote_is_part_of_the_record(tmp_path: Path) -> None:
    earlier = a_patient(IDOrganisation=OTHER, DateDeRegistration="01 Jan 2001 00:00:00")["SRPatientRegistration"][0]
    rows = together(
        a_patient(),
        {"SRPatientRegistration": [{**earlier, "RowIdentifier": "2"}]},
        {"SRCode": [a_code(100, IDOrganisationRegisteredAt=OTHER)]},
    )
    write_extract(tmp_path, rows)
    assert of(read(tmp_path)[0]["observation"], "fault") == [(None,)]


def test_where_the_version_does_not_say_what_the_practice_wrote_itself_is_its_own(tmp_path: Path) -> None:
    from support.tpp_files import layouts

    old = [name for name in layouts()["SREvent"] if name != "IDOrganisationRegisteredAt"]
    events = [an_entry(1), an_entry(2, IDOrganisation=OTHER)]
    write_extract(tmp_path, together(a_patient(), {"SREvent": events}), headers={"SREvent": old})
    assert of(read(tmp_path)[0]["encounter"], "fault") == [(None,), ("registered_elsewhere",)]


def test_what_waits_for_its_code_and_is_not_in_a_full_load_never_comes_back(tmp_path: Path) -> None:
    waits = a_code(100, CTV3Code="Y8abc", SNOMEDCode="-1")
    before = first_night(tmp_path, {"SRCode": [waits, a_code(101)]})
    write_extract(tmp_path, together(a_patient(), {"SRCode": [a_code(101)]}), stamp=TUESDAY)
    _, then = read(tmp_path, before)
    codes = {"SRCtv3": [{"RowIdentifier": "900", "Ctv3Code": "Y8abc"}]}
    rows, _ = next_night(tmp_path, then, codes, stamp=WEDNESDAY)
    assert "observation" not in rows


def test_an_entry_whose_code_came_late_is_read_when_it_comes(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100, CTV3Code="Y8abc", SNOMEDCode="-1")]})
    mapped = {
        "SRCtv3": [{"RowIdentifier": "900", "Ctv3Code": "Y8abc"}],
        "SRCtv3ToSnomed": [{"RowIdentifier": "900", "Ctv3Code": "Y8abc", "SnomedCode": "827241000000103"}],
    }
    rows, then = next_night(tmp_path, before, mapped)
    assert of(rows["observation"], "record_id", "local_code", "snomed_concept_id", "fault") == [
        ("SRCode/100", "Y8abc", "827241000000103", None)
    ]
    assert then.remembered["waiting_SRCode"].num_rows == 0


def test_an_entry_that_waits_and_is_removed_waits_no_more(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100, CTV3Code="Y8abc", SNOMEDCode="-1")]})
    assert before.remembered["waiting_SRCode"].num_rows == 1
    _, then = next_night(tmp_path, before, {"SRCode": [a_removal(100)]})
    assert then.remembered["waiting_SRCode"].num_rows == 0


def test_a_removed_line_of_the_dictionary_no_longer_counts(tmp_path: Path) -> None:
    rows, _ = next_night(
        tmp_path,
        first_night(tmp_path),
        {"SRCtv3": [{"RowIdentifier": "0", "RemovedData": "1"}], "SRCode": [a_code(100)]},
    )
    assert of(rows["observation"], "fault") == [("unknown_code",)]


def test_an_entry_that_waits_and_comes_again_with_another_code_waits_no_more(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100, CTV3Code="Y8abc", SNOMEDCode="-1")]})
    _, then = next_night(tmp_path, before, {"SRCode": [a_code(100)]})
    assert then.remembered["waiting_SRCode"].num_rows == 0
    late = {"SRCtv3": [{"RowIdentifier": "900", "Ctv3Code": "Y8abc"}]}
    rows, _ = next_night(tmp_path, then, late, stamp=WEDNESDAY)
    assert "observation" not in rows


def test_who_did_it_is_told_by_the_person_and_the_place_together(tmp_path: Path) -> None:
    entries = [a_code(1), a_code(2, IDOrganisationDoneAt=OTHER), a_code(3, IDDoneBy="-1")]
    write_extract(tmp_path, together(a_patient(), {"SRCode": entries}))
    told = of(read(tmp_path)[0]["observation"], "staff_role_id")
    assert told == [("SRStaffMemberProfile/51",), (None,), (None,)]


def test_a_full_load_taken_after_a_newer_extract_removes_nothing(tmp_path: Path) -> None:
    before = first_night(tmp_path, {"SRCode": [a_code(100)]})
    _, then = next_night(tmp_path, before, {"SRCode": [a_code(101)], **a_patient(2)}, stamp=WEDNESDAY)
    write_extract(tmp_path, together(a_patient(), {"SRCode": [a_code(100)]}), stamp=TUESDAY)
    rows, _ = read(tmp_path, then, extract=1)
    assert of(rows["observation"], "record_id", "is_deleted") == [("SRCode/100", False)]
    assert of(rows["patient"], "record_id", "is_deleted") == [("SRPatient/1", False)]
