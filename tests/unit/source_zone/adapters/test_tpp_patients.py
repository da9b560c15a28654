"""TPP's patients: three tables, joined, over several nights."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from crossing.policy import Policy, policy_folder
from source_zone.adapters.tpp_csv.adapter import MarkedNotHeldBack, TppCsv
from source_zone.identified import ReadTally
from support.tpp_files import PRACTICE, a_patient, a_removal, read, together, write_extract

TUESDAY = "20260903_0100"
OTHER = "Y99777"
Row = dict[str, object]


def the_patient(folder: Path, *more: dict[str, list[dict[str, str]]], **cells: str) -> Row:
    write_extract(folder, together(a_patient(**cells), *more))
    rows, _ = read(folder)
    assert len(rows["patient"]) == 1
    return rows["patient"][0]


def then(folder: Path, before: ReadTally, rows: dict[str, list[dict[str, str]]]) -> list[Row]:
    write_extract(folder, rows, stamp=TUESDAY, changes=True, first=False)
    return read(folder, before)[0].get("patient", [])


def line(table: str, **cells: str) -> dict[str, list[dict[str, str]]]:
    return {table: [{**a_patient()[table][0], **cells}]}


def first_night(folder: Path, *more: dict[str, list[dict[str, str]]]) -> ReadTally:
    write_extract(folder, together(a_patient(), *more))
    return read(folder)[1]


def test_a_patient_is_put_together_from_three_tables(tmp_path: Path) -> None:
    row = the_patient(tmp_path, DateDeath="02 Mar 2025 00:00")
    assert (row["record_id"], row["registration_id"]) == ("SRPatient/1", "SRPatient/1")
    assert (row["nhs_number"], row["date_of_birth"], row["sex"]) == ("9990548609", date(1960, 5, 17), "female")
    assert (row["date_of_death"], row["registered_date"]) == (date(2025, 3, 2), date(2001, 1, 1))
    assert (row["registration_type"], row["postcode"]) == ("regular", "QQ1 1AA")
    assert (row["is_test_patient"], row["is_confidential"], row["fault"]) == (False, False, None)


@pytest.mark.parametrize(("text", "meant"), [("TRUE", True), ("FALSE", False), ("", None), ("perhaps", None)])
def test_a_test_mark_that_cannot_be_read_is_no_answer(tmp_path: Path, text: str, meant: bool | None) -> None:
    assert the_patient(tmp_path, TestPatient=text)["is_test_patient"] is meant


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("GMS", "regular"),
        ("GMS,Contraception", "regular"),
        ("Contraception,Private", "private"),
        ("Temporary Resident < 16 days", "temporary"),
        ("Applied", "Applied"),
        ("", None),
    ],
)
def test_a_registration_is_of_a_known_type_or_out_of_scope(tmp_path: Path, status: str, ours: str | None) -> None:
    assert the_patient(tmp_path, RegistrationStatus=status)["registration_type"] == ours


def test_somebody_registered_only_elsewhere_is_no_patient_of_this_practice(tmp_path: Path) -> None:
    write_extract(tmp_path, a_patient(IDOrganisation=OTHER))
    assert "patient" not in read(tmp_path)[0]


def test_somebody_registered_nowhere_is_no_patient_of_this_practice(tmp_path: Path) -> None:
    write_extract(tmp_path, a_patient(IDOrganisation=""))
    assert "patient" not in read(tmp_path)[0]


def test_an_open_registration_comes_before_one_that_ended(tmp_path: Path) -> None:
    ended = line(
        "SRPatientRegistration",
        RowIdentifier="9",
        DateRegistration="01 Jan 2010 00:00:00",
        DateDeRegistration="01 Jan 2011 00:00:00",
        RegistrationStatus="Temporary",
    )
    assert the_patient(tmp_path, ended)["registration_type"] == "regular"


def test_the_home_of_today_comes_before_others(tmp_path: Path) -> None:
    former = line("SRPatientAddressHistory", RowIdentifier="8", FullPostCode="QQ2 2AA", DateTo="01 Jan 2020 00:00:00")
    letters = line("SRPatientAddressHistory", RowIdentifier="9", FullPostCode="QQ3 3AA", AddressType="99")
    assert the_patient(tmp_path, former, letters)["postcode"] == "QQ1 1AA"


def test_somebody_who_moves_is_described_anew(tmp_path: Path) -> None:
    before = first_night(tmp_path)
    rows = then(
        tmp_path,
        before,
        line("SRPatientAddressHistory", RowIdentifier="9", DateEvent="01 Sep 2026 00:00:00", FullPostCode="QQ2 2AA"),
    )
    assert [(row["record_id"], row["postcode"], row["nhs_number"]) for row in rows] == [
        ("SRPatient/1", "QQ2 2AA", "9990548609")
    ]


def test_somebody_who_leaves_is_described_anew(tmp_path: Path) -> None:
    rows = then(
        tmp_path, first_night(tmp_path), line("SRPatientRegistration", DateDeRegistration="01 Sep 2026 00:00:00")
    )
    assert [row["registration_end_date"] for row in rows] == [date(2026, 9, 1)]


def test_whoever_nothing_changed_for_is_not_described_again(tmp_path: Path) -> None:
    assert then(tmp_path, first_night(tmp_path, a_patient(2)), line("SRPatient", DateDeath="01 Sep 2026 00:00")) != []
    assert then(tmp_path, first_night(tmp_path), {}) == []


@pytest.mark.parametrize("table", ["SRPatient", "SRPatientRegistration"])
def test_a_patient_without_a_person_or_a_registration_here_is_removed(tmp_path: Path, table: str) -> None:
    rows = then(tmp_path, first_night(tmp_path), {table: [a_removal(1)]})
    assert [(row["record_id"], row["registration_id"], row["is_deleted"]) for row in rows] == [
        ("SRPatient/1", "SRPatient/1", True)
    ]


def test_a_removed_address_gives_way_to_the_one_before(tmp_path: Path) -> None:
    newer = line("SRPatientAddressHistory", RowIdentifier="9", DateEvent="01 Sep 2024 00:00:00", FullPostCode="QQ2 2AA")
    rows = then(tmp_path, first_night(tmp_path, newer), {"SRPatientAddressHistory": [a_removal(9)]})
    assert [row["postcode"] for row in rows] == ["QQ1 1AA"]


def test_a_date_nobody_can_read_is_a_fault_of_the_patient(tmp_path: Path) -> None:
    assert the_patient(tmp_path, DateBirth="17.05.1960")["fault"] == "unreadable_date"


@pytest.mark.parametrize("answer", [None, "no", "", "perhaps"])
def test_a_practice_that_does_not_leave_out_what_is_marked_is_refused(tmp_path: Path, answer: str | None) -> None:
    """The format has no mark for it, so nobody downstream could."""
    shutil.copytree(policy_folder(), tmp_path / "policy")
    file = tmp_path / "policy" / "tpp_csv_practices.csv"
    row = f"{PRACTICE},yes,"
    assert row in file.read_text()
    lines = [line for line in file.read_text().splitlines() if answer is not None or not line.startswith(PRACTICE)]
    file.write_text("\n".join(lines).replace(row, f"{PRACTICE},{answer},") + "\n")
    write_extract(tmp_path / "in", a_patient())
    adapter = TppCsv(PRACTICE, Policy(tmp_path / "policy"))
    with pytest.raises(MarkedNotHeldBack):
        list(adapter.read(adapter.find_extracts(tmp_path / "in")[0], ReadTally()))
