"""A header is known whole or not at all, and an unknown one is spoken of without repeating a patient's cells."""

import json
import shutil
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone.adapters.ignored_fields import ignored_fields
from source_zone.adapters.known_columns import Header, KnownColumns
from source_zone.adapters.reading import FileRefused

TODAY = date(2026, 11, 22)
TABLE = "CareRecord_Observation"
PATH = Path("291_CareRecord_Observation.csv")

FIELDS = """
[Note]
Id = { action = "token", to = "record_token", why = "Replaced." }
Who = { action = "token", to = "staff_role_token", why = "Replaced." }
Whom = { action = "token", to = "staff_role_token", same_as = "Who", why = "Old spelling." }
Text = { action = "drop", why = "Free text." }
Deleted = { action = "keep", to = "is_deleted", why = "Deletions are rows." }
Secret = { action = "decide", why = "Never leaves." }
[not_collected]
Rota = "About staff."
"""
HEADERS = """
[Note]
"2" = ["Id", "Who", "Text", "Deleted", "Secret"]
"1".columns = ["Id", "Whom", "Text"]
"1".absent.Deleted = { reads_as = "false", why = "Nothing was deleted then." }
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    folder = tmp_path / "policy"
    shutil.copytree(policy_folder(), folder)
    (folder / "fields" / "notes_csv.toml").write_text(FIELDS)
    (folder / "fields" / "notes_csv_headers.toml").write_text(HEADERS)
    return Policy(folder)


def known(policy: Policy) -> KnownColumns:
    return KnownColumns.read(policy, "notes_csv", TODAY)


def ignore(policy: Policy, line: str) -> None:
    file = policy.folder / "fields" / "ignore_until.csv"
    file.write_text(file.read_text() + line + "\n")


def spoil(policy: Policy, name: str, old: str, new: str) -> None:
    file = policy.folder / "fields" / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def refusal(policy: Policy, found: list[str], table: str = "Note") -> str:
    with pytest.raises(FileRefused) as refused:
        known(policy).check(PATH, table, found)
    return str(refused.value)


def test_a_known_header_says_its_version_and_what_may_be_read(policy: Policy) -> None:
    header = known(policy).check(PATH, "Note", ["Id", "Who", "Text", "Deleted", "Secret"])
    assert (header.version, header.to_read) == ("2", ("Id", "Who", "Deleted", "Secret"))


def test_an_older_version_is_read_under_todays_names(policy: Policy) -> None:
    header = known(policy).check(PATH, "Note", ["Id", "Whom", "Text"])
    assert (header.version, header.to_read) == ("1", ("Id", "Whom"))
    rows = header.complete(pl.DataFrame({"Id": ["1"], "Whom": ["doctor"]}))
    assert rows.to_dicts() == [{"Id": "1", "Who": "doctor", "Deleted": "false", "Secret": None}]


def test_a_flag_that_a_version_lacks_is_unknown_unless_policy_says_what_that_means(policy: Policy) -> None:
    assert known(policy).check(PATH, "Note", ["Id", "Whom", "Text"]).absent == {"Deleted": "false", "Secret": None}


def test_a_new_column_is_named_with_its_number_and_the_way_out(policy: Policy) -> None:
    said = refusal(policy, ["Id", "Who", "Text", "Deleted", "Secret", "Patient Comment"])
    assert "column number 6 (Patient Comment) is not in policy" in said
    assert "policy/fields/notes_csv.toml" in said
    assert "policy/fields/ignore_until.csv" in said


@pytest.mark.parametrize("name", ["9990548609", "Smith 1960-05-17", "a@b.uk", "x" * 61, "Line12345", "Zoë", ""])
def test_a_new_column_that_may_be_a_cell_is_not_named(policy: Policy, name: str) -> None:
    said = refusal(policy, ["Id", "Who", "Text", "Deleted", "Secret", name])
    assert "column number 6 is not in policy" in said
    assert not name or name not in said


def test_a_file_without_a_header_shows_nothing_of_its_first_line(policy: Policy) -> None:
    said = refusal(policy, ["Id", "Anne", "Smith", "Asthma"])
    assert not any(word in said for word in ("Anne", "Smith", "Asthma"))
    assert "column number 2 is not in policy; 3 of 4 are not" in said


@given(st.lists(st.text(min_size=4), min_size=1, max_size=8))
def test_whatever_the_first_line_holds_none_of_it_is_said(cells: list[str]) -> None:
    columns = KnownColumns.read(Policy(), "emis_csv", TODAY)
    with pytest.raises(FileRefused) as refused:
        columns.check(Path("file.csv"), TABLE, cells)
    shortest = str(FileRefused("file.csv, header: column number is not in policy; of are not. " + columns._what_to_do))
    assert not [each for each in cells if each in str(refused.value) and each not in shortest and not each.isdigit()]


def test_columns_in_another_order_are_not_that_version(policy: Policy) -> None:
    said = refusal(policy, ["Id", "Text", "Who", "Deleted", "Secret"])
    assert "nearest is 2, the first that differs is number 2; every column is known, but not in this order" in said


def test_columns_missing_from_every_version_are_named(policy: Policy) -> None:
    assert "missing: Secret" in refusal(policy, ["Id", "Who", "Text", "Deleted"])


@pytest.mark.parametrize("found", [["Id", "Id", "Whom", "Text"], ["Id", "Whom", "Text", "Text"], [], ["Id"]])
def test_neither_twice_nor_too_few(policy: Policy, found: list[str]) -> None:
    assert "of no version that policy knows" in refusal(policy, found)


def test_a_table_policy_never_heard_of_stops(policy: Policy) -> None:
    assert "its table is not in policy" in refusal(policy, ["Id"], table="Letters")


def test_a_table_not_collected_is_known_and_nothing_of_it_is_read(policy: Policy) -> None:
    assert known(policy).check(PATH, "Rota", ["Anything"]).to_read == ()


def test_a_reviewed_entry_lets_a_new_column_lie_until_its_day(policy: Policy) -> None:
    ignore(policy, "notes_csv,Note,Mood,2026-11-22,A Reviewer,Looked at: a number from 1 to 5")
    header = known(policy).check(PATH, "Note", ["Id", "Who", "Mood", "Text", "Deleted", "Secret"])
    assert header.columns[2] == "Mood"
    assert "Mood" not in header.to_read
    assert ignored_fields(policy, "notes_csv", TODAY) == {("Note", "Mood")}


def test_past_its_day_the_entry_no_longer_helps_and_says_so(policy: Policy) -> None:
    ignore(policy, "notes_csv,Note,Mood,2026-11-21,A Reviewer,Looked at")
    said = refusal(policy, ["Id", "Who", "Mood", "Text", "Deleted", "Secret"])
    assert "its `ignore until` of 2026-11-21 in policy/fields/ignore_until.csv is over" in said
    assert ignored_fields(policy, "notes_csv", TODAY) == frozenset()


def test_an_entry_helps_only_its_own_table_and_format(policy: Policy) -> None:
    ignore(policy, "tpp_csv,Note,Mood,2027-01-01,A Reviewer,Looked at")
    ignore(policy, "notes_csv,Other,Mood,2027-01-01,A Reviewer,Looked at")
    refusal(policy, ["Id", "Who", "Mood", "Text", "Deleted", "Secret"])


def test_an_ignored_column_does_not_hide_a_second_new_one(policy: Policy) -> None:
    ignore(policy, "notes_csv,Note,Mood,2027-01-01,A Reviewer,Looked at")
    said = refusal(policy, ["Id", "Who", "Mood", "Text", "Deleted", "Secret", "Religion"])
    assert "column number 7 (Religion) is not in policy" in said


@pytest.mark.parametrize(
    "line",
    [
        "notes_csv,Note,Mood,2027-01-01,,Looked at",
        "notes_csv,Note,Mood,2027-01-01,A Reviewer,",
        "notes_csv,Note,Mood,soon,A Reviewer,Looked at",
        "notes_csv,Note,Secret,2027-01-01,A Reviewer,A known one that decides",
        "notes_csv,Note,Mood,2027-01-01",
    ],
)
def test_an_entry_without_reviewer_reason_or_date_or_about_a_known_column_is_refused(policy: Policy, line: str) -> None:
    ignore(policy, line)
    with pytest.raises(PolicyRefused, match="ignore_until"):
        known(policy)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("notes_csv.toml", 'Text = { action = "drop", why = "Free text." }\n', ""),
        ("notes_csv_headers.toml", '"Text", "Deleted"', '"Deleted"'),
        ("notes_csv.toml", 'why = "Free text."', 'why = ""'),
        ("notes_csv.toml", 'action = "drop"', 'action = "read"'),
        ("notes_csv.toml", 'action = "drop"', 'action = "keep"'),
        ("notes_csv.toml", 'same_as = "Who"', 'same_as = "Where"'),
        ("notes_csv.toml", 'Rota = "About staff."', 'Rota = ""'),
        ("notes_csv_headers.toml", 'reads_as = "false", ', ""),
        ("notes_csv_headers.toml", "[Note]", "[Notes]"),
    ],
)
def test_fields_and_headers_agree_or_nothing_runs(policy: Policy, file: str, old: str, new: str) -> None:
    if (file, old) == ("notes_csv_headers.toml", '"Text", "Deleted"'):
        spoil(policy, file, '"Whom", "Text"', '"Whom"')
    spoil(policy, file, old, new)
    with pytest.raises(PolicyRefused, match="notes_csv"):
        known(policy)


@pytest.mark.needs_shared
def test_every_header_that_emis_has_had_is_known(shared_data: Path) -> None:
    columns = KnownColumns.read(Policy(), "emis_csv", TODAY)
    seen = json.loads((shared_data / "supplier_schemas" / "emis_csv_headers.json").read_text())
    checked = [
        columns.check(Path(f"{table}.csv"), _emis_name(columns, table), variant["columns"])
        for table, entry in seen.items()
        for variant in entry["variants"]
    ]
    assert len(seen) == 20
    assert len(checked) >= 28
    assert all(isinstance(header, Header) for header in checked)


def _emis_name(columns: KnownColumns, table: str) -> str:
    return next(name for name in columns.fields if name.split("_", 1)[1] == table)
