"""Small EMIS extracts, written cell by cell: only what a test says is filled in."""

import csv
import uuid
from pathlib import Path
from typing import Any

from crossing.policy import Policy

FILE_GUID = "45E7CD20-EE37-41AB-90D6-DC9D4B03D102"
PRACTICE = "Y99001"
ORGANISATION = "{00000000-0000-0000-0000-0000000000AA}"

Rows = dict[str, list[dict[str, str]]]


def guid(name: str) -> str:
    """The same name always has the same id, so that tests can speak of "anne" and "asthma"."""
    return "{" + str(uuid.uuid5(uuid.NAMESPACE_OID, name)).upper() + "}"


def a_patient(name: str, **cells: str) -> dict[str, str]:
    return {
        "PatientGuid": guid(name),
        "OrganisationGuid": ORGANISATION,
        "Sex": "F",
        "DateOfBirth": "1960-05-17",
        "DateOfRegistration": "2001-01-01",
        "GivenName": f"Given{name}",
        "Surname": f"Surname{name}",
        "PatientTypeDescription": "Regular",
        "Postcode": "QQ1 1AA",
        "Deleted": "false",
        "SpineSensitive": "false",
        "IsConfidential": "false",
        **cells,
    }


def an_observation(patient: str, name: str, code: str = "1", **cells: str) -> dict[str, str]:
    return {
        "ObservationGuid": guid(name),
        "PatientGuid": guid(patient),
        "OrganisationGuid": ORGANISATION,
        "EffectiveDate": "2024-03-01",
        "EffectiveDatePrecision": "YMD",
        "EnteredDate": "2024-03-01",
        "EnteredTime": "09:30:00",
        "CodeId": code,
        "ObservationType": "Observation",
        "Deleted": "false",
        "IsConfidential": "false",
        **cells,
    }


CODES = [
    {"CodeId": "1", "Term": "Asthma", "ReadTermId": "H33..", "SnomedCTConceptId": "195967001"},
    {"CodeId": "2", "Term": "Dissent", "ReadTermId": "9Nu0.", "SnomedCTConceptId": "827241000000103"},
    {"CodeId": "3", "Term": "Dissent withdrawn", "ReadTermId": "9Nu1.", "SnomedCTConceptId": "827261000000102"},
    {"CodeId": "4", "Term": "Restricted", "SnomedCTConceptId": "63487001"},
    {"CodeId": "5", "Term": "Local code with a number in it", "ReadTermId": "9990548609"},
    {"CodeId": "6", "Term": "Dissent, CTV3", "ReadTermId": "XaZ89"},
    {"CodeId": "7", "Term": "Dissent, Read v2 with its term id", "ReadTermId": "9Nu0.00"},
    {"CodeId": "10", "Term": "A name where a code belongs", "ReadTermId": "Surnamep"},
    {"CodeId": "11", "Term": "A telephone number where a code belongs", "ReadTermId": "07700900123"},
    {"CodeId": "12", "Term": "A postcode beside a real code", "ReadTermId": "LS14AP", "SnomedCTConceptId": "195967001"},
    {"CodeId": "8", "Term": "Restricted, Read v2 with its term id", "ReadTermId": "7E0A.11"},
]


def headers(version: str = "5.4") -> dict[str, list[str]]:
    """The columns of every table in one version of the format."""
    layouts = Policy().table("fields/emis_csv_headers.toml")
    return {table: _columns(versions, version) for table, versions in layouts.items()}


def _columns(versions: dict[str, Any], version: str) -> list[str]:
    first_to_last = {label: label.split("-") for label in versions}
    chosen = next(
        each
        for label, each in versions.items()
        if label == "all" or first_to_last[label][0] <= version <= first_to_last[label][-1]
    )
    return list(chosen["columns"] if isinstance(chosen, dict) else chosen)


def write_extract(folder: Path, rows: Rows, stamp: str = "20260902010000", version: str = "5.4") -> dict[str, Path]:
    """Writes every table policy knows, most of them empty but for the header. Returns the file of each table."""
    folder.mkdir(parents=True, exist_ok=True)
    always: Rows = {
        "Coding_ClinicalCode": CODES,
        "Coding_DrugCode": [{"CodeId": "9", "DmdProductCodeId": "39113311000001107"}],
        "Agreements_SharingOrganisation": [
            {"OrganisationGuid": ORGANISATION, "IsActivated": "true", "Disabled": "false", "Deleted": "false"}
        ],
    }
    return {
        table: _write(folder / f"291_{table}_{stamp}_{FILE_GUID}.csv", columns, {**always, **rows}.get(table, []))
        for table, columns in headers(version).items()
    }


def _write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
