"""Small TPP extracts, written cell by cell: only what a test says is filled in."""

import csv
import functools
from collections.abc import Iterable
from pathlib import Path

from crossing.policy import Policy
from source_zone.adapters.tpp_csv.adapter import TppCsv
from source_zone.identified import IdentifiedBatch, ReadTally

PRACTICE = "Y99001"
STAMP = "20260902_0100"
LISTS = ("SRMapping", "SRManifest")

Rows = dict[str, list[dict[str, str]]]

DICTIONARY: Rows = {
    "SRCtv3": [
        {"RowIdentifier": str(n), "Ctv3Code": code}
        for n, code in enumerate(["H33..", "XaZ89", "Y2f27", "Xa9Z0", "X00bY"])
    ],
    "SRCtv3ToSnomed": [{"RowIdentifier": "1", "Ctv3Code": "H33..", "SnomedCode": "195967001"}],
    "SRMapping": [
        {"RowIdentifier": "11", "IdMappingGroup": "1", "Mapping": "Home"},
        {"RowIdentifier": "12", "IdMappingGroup": "2", "Mapping": "Did Not Attend"},
        {"RowIdentifier": "13", "IdMappingGroup": "3", "Mapping": "Major"},
        {"RowIdentifier": "14", "IdMappingGroup": "4", "Mapping": "1st Recall"},
    ],
    "SRConfiguredListOption": [{"RowIdentifier": "21", "ConfiguredListOption": "2 Week Wait (cancer)"}],
    "SRMedicationReadCodeDetails": [{"RowIdentifier": "31", "IDMultiLexProduct": "777", "DrugReadCode": "X00bY"}],
    "SRStaffMemberProfileRole": [{"RowIdentifier": "41", "RoleDescription": "Nurse Access Role (R0600)"}],
    "SRStaffMemberProfile": [
        {"RowIdentifier": "51", "IDStaffMember": "52", "IDOrganisation": PRACTICE, "IDStaffMemberProfileRole": "41"}
    ],
    "SROrganisation": [{"RowIdentifier": "61", "ID": PRACTICE}],
}


def a_patient(number: int = 1, **cells: str) -> Rows:
    """Over its three tables. Cells go to whichever of the tables has such a column."""
    known = {"RowIdentifier": str(number), "IDPatient": str(number), "IDOrganisationVisibleTo": PRACTICE}
    person = {"NHSNumber": "9990548609", "DateBirth": "17 May 1960 10:15", "Gender": "F", "TestPatient": "FALSE"}
    registration = {"RegistrationStatus": "GMS", "DateRegistration": "01 Jan 2001 00:00:00", "IDOrganisation": PRACTICE}
    address = {"FullPostCode": "QQ1 1AA", "AddressType": "11", "DateEvent": "01 Jan 2001 00:00:00"}
    tables = {"SRPatient": person, "SRPatientRegistration": registration, "SRPatientAddressHistory": address}
    return {table: [_with({**known, **own}, table, cells)] for table, own in tables.items()}


def an_entry(row: int = 100, *, patient: int = 1, **cells: str) -> dict[str, str]:
    return {
        "RowIdentifier": str(row),
        "IDOrganisationVisibleTo": PRACTICE,
        "DateEvent": "01 Mar 2024 00:00:00",
        "DateEventRecorded": "01 Mar 2024 09:30:00",
        "IDDoneBy": "52",
        "IDOrganisationDoneAt": PRACTICE,
        "IDPatient": str(patient),
        "IDOrganisation": PRACTICE,
        "IDOrganisationRegisteredAt": PRACTICE,
        "RemovedData": "0",
        **cells,
    }


def a_code(row: int = 100, *, patient: int = 1, **cells: str) -> dict[str, str]:
    return an_entry(
        row, patient=patient, **{"CTV3Code": "H33..", "SNOMEDCode": "195967001", "IsNumeric": "FALSE", **cells}
    )


def a_removal(row: int) -> dict[str, str]:
    """As TPP sends them: the number, and whose extract it is in."""
    return {"RowIdentifier": str(row), "IDOrganisationVisibleTo": PRACTICE, "RemovedData": "1"}


def together(*parts: Rows) -> Rows:
    tables = {table for part in parts for table in part}
    return {table: [row for part in parts for row in part.get(table, [])] for table in tables}


@functools.cache
def layouts() -> dict[str, list[str]]:
    """The fullest header of each table."""
    headers = Policy().table("fields/tpp_csv_headers.toml")
    return {
        table: list(max(versions.values(), key=len)) for table, versions in headers.items() if table != "SRManifest"
    }


def write_extract(
    folder: Path,
    rows: Rows,
    *,
    stamp: str = STAMP,
    changes: Iterable[str] | bool = (),
    headers: dict[str, list[str]] | None = None,
    first: bool = True,
) -> Path:
    """Every table policy reads, most of them empty but for the header. `changes`: which hold changes only, or all."""
    layout = {**layouts(), **(headers or {})}
    delivered = folder / stamp
    delivered.mkdir(parents=True, exist_ok=True)
    always = DICTIONARY if first else {"SRMapping": DICTIONARY["SRMapping"]}
    for table, columns in layout.items():
        _write(delivered / f"{table}.csv", columns, {**always, **rows}.get(table, []))
    said = {
        table: changes if isinstance(changes, bool) else table in changes for table in layout if table != "SRMapping"
    }
    lines = [{"FileName": table, "IsDelta": "Y" if is_delta else "N"} for table, is_delta in said.items()]
    _write(delivered / "SRManifest.csv", ["FileName", "IsDelta"], lines)
    return delivered


def read(
    folder: Path, remembered: ReadTally | None = None, *, extract: int = -1
) -> tuple[dict[str, list[dict[str, object]]], ReadTally]:
    """The rows of the last extract in a folder by table, and the tally. `remembered` is the tally of the night before."""
    adapter = TppCsv(PRACTICE, Policy(), dict(remembered.remembered) if remembered else {})
    tally = ReadTally()
    rows: dict[str, list[dict[str, object]]] = {}
    for batch in adapter.read(adapter.find_extracts(folder)[extract], tally):
        rows.setdefault(batch.table, []).extend(rows_of(batch))
    return rows, tally


def rows_of(batch: IdentifiedBatch) -> list[dict[str, object]]:
    return list(batch.rows.to_pylist())


def _with(row: dict[str, str], table: str, cells: dict[str, str]) -> dict[str, str]:
    own = {name: cell for name, cell in cells.items() if name in layouts()[table]}
    return {name: cell for name, cell in {**row, **own}.items() if name in layouts()[table]}


def _write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="cp1252", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows({name: cell for name, cell in row.items() if name in columns} for row in rows)
