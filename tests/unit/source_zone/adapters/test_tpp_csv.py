"""What TPP's rows become: dates, codes, values, staff, prescriptions."""

from datetime import date, datetime
from pathlib import Path

import pytest

from support.tpp_files import a_code, a_patient, an_entry, read, together, write_extract

Row = dict[str, object]


def told(folder: Path, table: str, canonical: str, **cells: str) -> Row:
    """What one row of a table says."""
    write_extract(folder, together(a_patient(), {table: [an_entry(**cells)]}))
    rows, _ = read(folder)
    assert len(rows[canonical]) == 1
    return rows[canonical][0]


def code(folder: Path, **cells: str) -> Row:
    return told(folder, "SRCode", "observation", **a_code(**cells))


def test_an_entry_says_who_what_and_when(tmp_path: Path) -> None:
    row = code(tmp_path, IDEvent="900")
    assert row["record_id"] == "SRCode/100"
    assert row["registration_id"] == "SRPatient/1"
    assert row["effective_date"] == date(2024, 3, 1)
    assert row["effective_date_precision"] == "day"
    assert row["recorded_at"] == datetime(2024, 3, 1, 9, 30)
    assert row["staff_role_id"] == "SRStaffMemberProfile/51"
    assert row["encounter_id"] == "SREvent/900"
    assert row["snomed_concept_id"] == "195967001"
    assert row["ctv3_code"] == "H33.."
    assert row["is_confidential"] is False
    assert row["fault"] is None


@pytest.mark.parametrize(
    ("text", "day", "fault"),
    [
        ("29 Feb 2024 00:00:00", date(2024, 2, 29), None),
        ("05 Sep 1999 13:14", date(1999, 9, 5), None),
        ("05 Sep 1999", date(1999, 9, 5), None),
        ("01 Jan 1900 00:00:00", None, None),
        ("", None, None),
        ("30 Feb 2019 00:00:00", None, "unreadable_date"),
        ("2019-02-03", None, "unreadable_date"),
        ("05 Mai 2019 00:00:00", None, "unreadable_date"),
        ("05 Sep 19990", None, "unreadable_date"),
        ("0", None, "unreadable_date"),
    ],
)
def test_a_date_is_english_or_none(tmp_path: Path, text: str, day: date | None, fault: str | None) -> None:
    row = code(tmp_path, DateEvent=text)
    assert row["effective_date"] == day
    assert row["effective_date_precision"] == ("day" if day else "unknown")
    assert row["fault"] == fault


def test_midnight_is_a_time_nobody_knows(tmp_path: Path) -> None:
    assert code(tmp_path, DateEventRecorded="01 Mar 2024 00:00:00")["recorded_at"] is None


def test_a_recorded_date_nobody_can_read_is_a_fault(tmp_path: Path) -> None:
    assert code(tmp_path, DateEventRecorded="soon")["fault"] == "unreadable_date"


def test_a_code_of_ctv3_is_case_sensitive(tmp_path: Path) -> None:
    row = code(tmp_path, CTV3Code="h33..", SNOMEDCode="-1")
    assert (row["ctv3_code"], row["fault"]) == ("h33..", "unknown_code")


def test_a_code_without_snomed_takes_the_one_it_maps_to(tmp_path: Path) -> None:
    assert code(tmp_path, SNOMEDCode="-1")["snomed_concept_id"] == "195967001"


def test_a_code_that_maps_to_several_takes_none_but_all_are_looked_at(tmp_path: Path) -> None:
    twice = [
        {"RowIdentifier": str(n), "Ctv3Code": "H33..", "SnomedCode": mapped}
        for n, mapped in enumerate(["195967001", "827241000000103"])
    ]
    rows = together(a_patient(), {"SRCode": [a_code(SNOMEDCode="-1")], "SRCtv3ToSnomed": twice})
    write_extract(tmp_path, rows)
    row = read(tmp_path)[0]["observation"][0]
    assert row["snomed_concept_id"] is None
    assert row["further_codes"] == "195967001 827241000000103"


def test_what_it_maps_to_in_read_v2_is_looked_at(tmp_path: Path) -> None:
    mapped = [{"RowIdentifier": "1", "Ctv3Code": "H33..", "Version2Code": "9Nu0."}]
    write_extract(tmp_path, together(a_patient(), {"SRCode": [a_code()], "SRCtv3ToVersion2": mapped}))
    assert read(tmp_path)[0]["observation"][0]["further_codes"] == "195967001 9Nu0."


def test_codes_that_begin_with_y_are_local(tmp_path: Path) -> None:
    row = code(tmp_path, CTV3Code="Y2f27", SNOMEDCode="-1")
    assert (row["local_code"], row["ctv3_code"]) == ("Y2f27", None)


def test_an_entry_without_any_code_says_so(tmp_path: Path) -> None:
    assert code(tmp_path, CTV3Code="", SNOMEDCode="-1")["fault"] == "uncoded_entry"


@pytest.mark.parametrize(
    ("is_numeric", "value", "expected", "fault"),
    [
        ("TRUE", "12.5", 12.5, None),
        ("TRUE", "-1.0", -1.0, None),
        ("FALSE", "-1.0", None, None),
        ("FALSE", "n/k", None, None),
        ("TRUE", "12.3.4", None, "unreadable_number"),
        ("", "12.5", None, None),
        ("perhaps", "12.5", None, None),
    ],
)
def test_a_value_is_one_only_where_the_row_says_it_is_numeric(
    tmp_path: Path, is_numeric: str, value: str, expected: float | None, fault: str | None
) -> None:
    row = code(tmp_path, IsNumeric=is_numeric, NumericValue=value, NumericUnit="mmol/L", NumericComparator=">")
    assert (row["value"], row["fault"]) == (expected, fault)
    assert row["value_comparator"] == (">" if is_numeric == "TRUE" else None)


def test_a_record_without_a_number_is_nobodys(tmp_path: Path) -> None:
    assert code(tmp_path, RowIdentifier="Mrs Snibbletwitch")["record_id"] is None


def test_names_of_windows_1252_and_quotes_and_new_lines_are_no_trouble(tmp_path: Path) -> None:
    patient = a_patient(FirstName="Zoë", Surname='O\'Hara "Œuvre"\r\nof', BirthPlace="São Tomé, “quoted”")
    write_extract(tmp_path, together(patient, {"SRCode": [a_code(CTV3Text="café\n, two lines")]}))
    rows, _ = read(tmp_path)
    assert (len(rows["patient"]), len(rows["observation"])) == (1, 1)


def test_a_byte_that_windows_1252_does_not_have_is_no_trouble_in_a_column_nobody_reads(tmp_path: Path) -> None:
    folder = write_extract(tmp_path, together(a_patient(FirstName="Zoe"), {"SRCode": [a_code()]}))
    path = folder / "SRPatient.csv"
    path.write_bytes(path.read_bytes().replace(b"Zoe", b"Zo\x81"))
    assert len(read(tmp_path)[0]["patient"]) == 1


def test_an_encounter_is_complete_unless_it_says_otherwise(tmp_path: Path) -> None:
    row = told(tmp_path, "SREvent", "encounter", EventIncomplete="TRUE")
    assert (row["record_id"], row["is_complete"]) == ("SREvent/100", False)


def test_a_problem_names_the_entry_it_is_about(tmp_path: Path) -> None:
    row = told(
        tmp_path, "SRProblem", "problem", CTV3Code="H33..", IDCode="7", Severity="13", DateEnd="02 Apr 2024 00:00:00"
    )
    assert (row["record_id"], row["extends_id"]) == ("SRProblem/100", "SRCode/7")
    assert (row["significance"], row["status"], row["end_date"]) == ("significant", "past", date(2024, 4, 2))


def test_an_immunisation_has_its_codes(tmp_path: Path) -> None:
    row = told(tmp_path, "SRImmunisation", "immunisation", ImmsReadCode="H33..", ImmsSNOMEDCode="-1")
    assert (row["ctv3_code"], row["snomed_concept_id"]) == ("H33..", "195967001")


@pytest.mark.parametrize(("drug", "fault"), [("777", None), ("778", "unknown_code"), ("-1", "uncoded_entry")])
def test_a_drug_somebody_is_sensitive_to_is_named_by_the_table_of_drugs(
    tmp_path: Path, drug: str, fault: str | None
) -> None:
    row = told(tmp_path, "SRDrugSensitivity", "allergy", IDDrugCode=drug, DateStarted="03 Mar 2020 00:00:00")
    assert row["fault"] == fault
    assert row["ctv3_code"] == ("X00bY" if drug == "777" else None)
    assert (row["status"], row["effective_date"]) == ("active", date(2020, 3, 3))


@pytest.mark.parametrize(
    ("text", "quantity", "unit"),
    [
        ("28 tablet", 28.0, "tablet"),
        ("28 tablet(s)", 28.0, "tablet"),
        ("2.5ml", 2.5, "ml"),
        ("1 OP", 1.0, "unlisted"),
        ("56", 56.0, None),
        ("1 x 200 ml for Mrs Snibbletwitch", None, None),
        ("as directed", None, None),
        ("12.3.4 tablet", None, None),
    ],
)
def test_a_quantity_is_a_number_and_a_unit_or_nothing(
    tmp_path: Path, text: str, quantity: float | None, unit: str | None
) -> None:
    row = told(tmp_path, "SRPrimaryCareMedication", "medication", IDMultiLexDMD="322236009", MedicationQuantity=text)
    assert (row["quantity"], row["quantity_unit"], row["fault"]) == (quantity, unit, None)


def test_a_prescription_leads_to_its_template_and_both_keep_their_own_numbers(tmp_path: Path) -> None:
    template = an_entry(5, IDMultiLexDMD="322236009", MaxIssues="6", DateMedicationTemplateStart="01 Mar 2024 00:00:00")
    issue = an_entry(
        5,
        IDMultiLexDMD="322236009",
        IDRepeatTemplate="5",
        IsRepeatMedication="TRUE",
        DateMedicationStart="01 Mar 2024 00:00:00",
        DateMedicationEnd="29 Mar 2024 00:00:00",
    )
    write_extract(tmp_path, together(a_patient(), {"SRRepeatTemplate": [template], "SRPrimaryCareMedication": [issue]}))
    plan, order = read(tmp_path)[0]["medication"]
    assert (plan["record_id"], plan["intent"], plan["issues_authorised"]) == ("SRRepeatTemplate/5", "plan", 6)
    assert (order["record_id"], order["intent"]) == ("SRPrimaryCareMedication/5", "order")
    assert (order["authorisation_id"], order["course_days"]) == ("SRRepeatTemplate/5", 28)


@pytest.mark.parametrize(("dmd", "product", "fault"), [("-1", "77", "unknown_code"), ("", "-1", "uncoded_entry")])
def test_a_drug_without_a_code_is_held(tmp_path: Path, dmd: str, product: str, fault: str) -> None:
    row = told(tmp_path, "SRRepeatTemplate", "medication", IDMultiLexDMD=dmd, IDMultiLexProduct=product)
    assert (row["dmd_code"], row["fault"]) == (None, fault)


def test_a_referral_has_its_urgency_in_our_words(tmp_path: Path) -> None:
    row = told(
        tmp_path, "SRReferralOut", "referral", Urgency="21", PrimaryDiagnosis="H33..", RecipientID="Dr Zibberous"
    )
    assert (row["urgency"], row["snomed_concept_id"]) == ("two_week_wait", "195967001")
    assert row["source_organisation_id"] == "SROrganisation/Y99001"
    assert "Zibberous" not in str(row)


def test_a_recall_is_active_until_seen(tmp_path: Path) -> None:
    row = told(
        tmp_path, "SRRecall", "recall", RecallStatus="14", DateRecall="01 Oct 2026 00:00:00", RecallType="Mrs Snibble"
    )
    assert (row["is_active"], row["is_complete"], row["effective_date"]) == (True, False, date(2026, 10, 1))


def test_an_appointment_has_a_day_a_length_and_no_time(tmp_path: Path) -> None:
    row = told(
        tmp_path,
        "SRAppointment",
        "appointment",
        DateStart="01 Sep 2026 09:00:00",
        DateEnd="01 Sep 2026 09:15:00",
        AppointmentStatus="12",
        IDProfileClinician="51",
        BookingContactNumber="07700 900123",
    )
    assert (row["effective_date"], row["planned_minutes"]) == (date(2026, 9, 1), 15)
    assert (row["status"], row["did_not_attend"]) == ("did_not_attend", True)
    assert row["staff_role_id"] == "SRStaffMemberProfile/51"


def test_a_list_that_does_not_hold_a_number_gives_no_word_of_ours(tmp_path: Path) -> None:
    row = told(tmp_path, "SRAppointment", "appointment", AppointmentStatus="999")
    assert (row["status"], row["did_not_attend"]) == ("unlisted", None)


def test_staff_are_their_job_role_and_nothing_else(tmp_path: Path) -> None:
    write_extract(tmp_path, a_patient())
    assert [row["job_category_code"] for row in read(tmp_path)[0]["staff_role"]] == ["R0600"]
