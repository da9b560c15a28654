"""A delivery of TPP that cannot be trusted whole: one clear line, no value in it, nothing taken."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crossing.policy import Policy
from source_zone.adapters.reading import FileRefused
from source_zone.adapters.tpp_csv.adapter import TppCsv
from source_zone.identified import Extract
from support.tpp_files import PRACTICE, STAMP, a_code, a_patient, layouts, read, together, write_extract

SECRET = "Snibbletwitch"
OTHER = "Y99777"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_extract(
        tmp_path, together(a_patient(Surname=SECRET), {"SRCode": [a_code(n, CTV3Text=SECRET) for n in range(5)]})
    )
    return tmp_path


def extracts(folder: Path) -> list[Extract]:
    return TppCsv(PRACTICE, Policy()).find_extracts(folder)


def spoilt(path: Path, how: Callable[[bytes], bytes]) -> None:
    path.write_bytes(how(path.read_bytes()))


def refusal(folder: Path) -> str:
    with pytest.raises(FileRefused) as refused:
        read(folder)
    assert refused.value.__cause__ is None
    assert SECRET not in str(refused.value)
    assert "9990548609" not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "stamp"),
    [("20260902_0100", "20260902010000"), ("20260902010000", "20260902010000"), ("20260902_010203", "20260902010203")],
)
def test_a_folder_is_known_by_its_stamp(tmp_path: Path, name: str, stamp: str) -> None:
    write_extract(tmp_path, {}, stamp=name)
    assert [each.extract_id for each in extracts(tmp_path)] == [stamp]


def test_extracts_come_oldest_first_and_say_what_kind_they_are(tmp_path: Path) -> None:
    write_extract(tmp_path, {}, stamp="20260903010000", changes={"SRCode"})
    write_extract(tmp_path, {}, stamp="20260902_0100")
    found = extracts(tmp_path)
    assert [(each.extract_id, each.kind) for each in found] == [
        ("20260902010000", "snapshot"),
        ("20260903010000", "delta"),
    ]


@pytest.mark.parametrize("name", ["20261302_0100", "SRCode", "2026-09-02", f"for {SECRET}"])
def test_a_folder_of_any_other_name_stops_the_practice(folder: Path, name: str) -> None:
    (folder / name).mkdir()
    assert PRACTICE in refusal(folder)


def test_a_file_beside_the_folders_stops_the_practice(folder: Path) -> None:
    (folder / f"{SECRET}.csv").write_text("x")
    assert "not an extract of TPP" in refusal(folder)


def test_what_is_still_under_way_is_not_looked_at(folder: Path) -> None:
    (folder / ".under-way").mkdir()
    assert len(extracts(folder)) == 1


def test_two_folders_of_one_moment_stop_the_practice(folder: Path) -> None:
    write_extract(folder, {}, stamp="20260902010000")
    assert "two deliveries" in refusal(folder)


def test_an_empty_folder_is_no_empty_night(tmp_path: Path) -> None:
    assert "no extract" in refusal(tmp_path)


@pytest.mark.parametrize("table", ["SRCode", "SRPatient", "SRAppointment", "SRMapping", "SRManifest"])
def test_a_missing_file_stops_the_practice(folder: Path, table: str) -> None:
    (folder / STAMP / f"{table}.csv").unlink()
    assert f"{table}" in refusal(folder)
    assert "missing" in refusal(folder)


def test_a_file_the_manifest_does_not_list_stops_the_practice(folder: Path) -> None:
    (folder / STAMP / "SRLetter.csv").write_text("RowIdentifier\r\n")
    assert "SRLetter is there, and SRManifest.csv does not list it" in refusal(folder)


def test_a_table_policy_does_not_know_stops_the_practice(folder: Path) -> None:
    (folder / STAMP / "SRSecret.csv").write_text("RowIdentifier\r\n")
    spoilt(folder / STAMP / "SRManifest.csv", lambda data: data + b'"SRSecret","N"\r\n')
    assert "SRSecret is not a table policy knows" in refusal(folder)


def test_a_table_not_collected_may_be_there_and_is_never_opened(folder: Path) -> None:
    (folder / STAMP / "SRLetter.csv").write_text(f'"Anything"\r\n"{SECRET}\r\n')
    spoilt(folder / STAMP / "SRManifest.csv", lambda data: data + b'"SRLetter","N"\r\n')
    assert len(read(folder)[0]["observation"]) == 5


@pytest.mark.parametrize("name", [f"{SECRET}.csv", "SRCode.txt", "SR Code.csv", "SRx9990548609.csv"])
def test_a_file_of_a_strange_name_stops_the_practice(folder: Path, name: str) -> None:
    (folder / STAMP / name).write_text("x\n")
    assert "not named as TPP names its tables" in refusal(folder)


def test_a_table_that_is_not_in_the_extract_stops_the_practice(folder: Path) -> None:
    (folder / STAMP / "SRCode.csv").unlink()
    spoilt(folder / STAMP / "SRManifest.csv", lambda data: data.replace(b'"SRCode","N"\r\n', b""))
    assert "SRCode is not in SRManifest.csv" in refusal(folder)


@pytest.mark.parametrize(
    "how",
    [
        lambda data: data[:-40],
        lambda data: b"",
        lambda data: data.replace(b"RowIdentifier", b"RowNumber"),
        lambda data: data.split(b"\r\n", 1)[1],
        lambda data: data.replace(b'"H33.."', b'"H33..","more"', 1),
        lambda data: data.replace(b'"195967001"', b'"1.95967E+08"'),
        lambda data: data.decode().encode("utf-16") + b"\n",
        lambda data: data[:-40] + b'"\r\n',
    ],
    ids=["cut", "empty", "renamed column", "no header", "too many cells", "spreadsheet", "utf-16", "open quote"],
)
def test_a_spoilt_file_stops_the_practice(folder: Path, how: Callable[[bytes], bytes]) -> None:
    spoilt(folder / STAMP / "SRCode.csv", how)
    assert "SRCode" in refusal(folder)


@pytest.mark.parametrize(
    "how",
    [
        lambda data: data.replace(b'"N"', b'"X"', 1),
        lambda data: data.replace(b"IsDelta", b"IsDifferent"),
        lambda data: data + b'"SRCode","Y"\r\n',
        lambda data: data + b'"Snibbletwitch","N"\r\n',
        lambda data: data[:-3],
        lambda data: b'"FileName","IsDelta"\r\n',
    ],
    ids=["neither Y nor N", "header", "twice", "no table", "cut", "nothing listed"],
)
def test_a_manifest_that_cannot_be_trusted_stops_the_practice(folder: Path, how: Callable[[bytes], bytes]) -> None:
    spoilt(folder / STAMP / "SRManifest.csv", how)
    refusal(folder)


def test_a_manifest_may_have_the_columns_policy_knows_and_no_other(folder: Path) -> None:
    path = folder / STAMP / "SRManifest.csv"
    lines = path.read_bytes().split(b"\r\n")[1:-1]
    fuller = [
        b",".join([name, b'""', b'""', is_delta, b'"N"']) for name, is_delta in (line.split(b",") for line in lines)
    ]
    path.write_bytes(b"\r\n".join([b"FileName,DateExtractFrom,DateExtractTo,IsDelta,IsReference", *fuller, b""]))
    assert len(read(folder)[0]["observation"]) == 5
    spoilt(path, lambda data: data.replace(b"IsReference", b"PatientName"))
    assert "SRManifest" in refusal(folder)


def test_a_new_column_stops_the_practice_and_is_named(folder: Path) -> None:
    columns = [*layouts()["SRCode"], "PatientComment"]
    write_extract(
        folder, together(a_patient(), {"SRCode": [a_code(PatientComment=SECRET)]}), headers={"SRCode": columns}
    )
    assert "PatientComment" in refusal(folder)


def test_changes_that_cannot_say_what_was_removed_stop_the_practice(tmp_path: Path) -> None:
    columns = [name for name in layouts()["SREvent"] if name != "RemovedData"]
    write_extract(tmp_path, {}, headers={"SREvent": columns}, changes=True)
    assert "has no column RemovedData" in refusal(tmp_path)


def test_somebody_elses_extract_stops_the_practice(tmp_path: Path) -> None:
    write_extract(tmp_path, a_patient(IDOrganisationVisibleTo=OTHER))
    assert "another organisation's" in refusal(tmp_path)
