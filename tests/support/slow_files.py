"""Suppliers' files read a row at a time, with nothing of ours but the standard library, into what the slow rule reads."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from support.slow_type_one_rule import FAMILY_HISTORY, OWN_RECORD, Line, Registration

Row = dict[str, str]
History = tuple[list[Line], list[Registration]]


def read_night(format: str, folder: Path, night: datetime, owners: dict[str, str]) -> History:
    """One delivery. `owners`, of entries of earlier nights, is added to: some suppliers' tombstones name nobody."""
    lines, registrations = _FORMATS[format](folder, night)
    told = []
    for line in lines:
        entry, whose = line.entry or "", line.registration or owners.get(line.entry or "")
        owners[entry] = whose or ""
        told.append(line if line.registration else _of(line, whose))
    return told, registrations


def _of(line: Line, whose: str | None) -> Line:
    return Line(night=line.night, registration=whose, entry=line.entry, deleted=line.deleted, codes=line.codes)


# EMIS


def _emis(folder: Path, night: datetime) -> History:
    stamp = f"{night:%Y%m%d}"
    codes = {row["CodeId"]: row for row in _emis_rows(folder, "Coding_ClinicalCode", stamp)}
    lines = [_emis_line(row, codes, night) for row in _emis_rows(folder, "CareRecord_Observation", stamp)]
    people = [
        Registration(night=night, registration=row["PatientGuid"], nhs_number=row["NhsNumber"], born=row["DateOfBirth"])
        for row in _emis_rows(folder, "Admin_Patient", stamp)
        if row["Deleted"] == "false"
    ]
    return lines, people


def _emis_rows(folder: Path, table: str, stamp: str) -> Iterator[Row]:
    (path,) = folder.glob(f"*_{table}_{stamp}*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _emis_line(row: Row, codes: dict[str, Row], night: datetime) -> Line:
    code = codes.get(row["CodeId"], {})
    dated, readable = _dated(row["EffectiveDate"], {"Y": 4, "YM": 7, "U": 0}.get(row["EffectiveDatePrecision"], 10))
    return Line(
        night=night,
        registration=row["PatientGuid"] or None,
        entry=row["ObservationGuid"],
        codes=tuple(filter(None, (code.get(name, "") for name in ("SnomedCTConceptId", "ReadTermId", "NationalCode")))),
        dated=dated,
        recorded=_moment(f"{row['EnteredDate']} {row['EnteredTime']}", "%Y-%m-%d %H:%M:%S"),
        deleted=row["Deleted"] == "true",
        readable=readable,
        place=FAMILY_HISTORY if row["ObservationType"] == "Family History" else OWN_RECORD,
    )


# Medicus


def _medicus(folder: Path, night: datetime) -> History:
    (path,) = folder.glob(f"*-{night:%Y-%m-%d}.zip")
    with zipfile.ZipFile(path) as archive:
        lines = [_medicus_line(row, night) for row in _medicus_rows(archive, "coded_entry")]
        people = [
            Registration(night=night, registration=row["uid"], nhs_number=row["nhs_number"], born=row["date_of_birth"])
            for row in _medicus_rows(archive, "patient")
            if row.get("change_type") != "removed"
        ]
    return lines, people


def _medicus_rows(archive: zipfile.ZipFile, file: str) -> Iterator[Row]:
    with archive.open(f"{file}.csv") as member:
        text = io.TextIOWrapper(member, encoding="utf-8", newline="")
        yield from csv.DictReader(text, doublequote=False, escapechar="\\")


def _medicus_line(row: Row, night: datetime) -> Line:
    length = {"year": 4, "month": 7, "unknown": 0}.get(row["effective_date_precision"], 10)
    dated, readable = _dated(row["effective_date"], length)
    return Line(
        night=night,
        registration=row["patient_uid"] or None,
        entry=row["uid"],
        codes=tuple(filter(None, (row["snomed_concept_id"], row["original_code"], row["other_codes"]))),
        dated=dated,
        recorded=_moment(row["recorded_at"], "%Y-%m-%d %H:%M:%S"),
        deleted=row.get("change_type") == "removed",
        readable=readable,
        place=FAMILY_HISTORY if row["entry_type"] == "Family History" else OWN_RECORD,
    )


# TPP


def _tpp(folder: Path, night: datetime) -> History:
    delivered = folder / f"{night:%Y%m%d}_0100"
    lines = [_tpp_line(row, night) for row in _tpp_rows(delivered / "SRCode.csv")]
    people = [
        Registration(
            night=night,
            registration=f"SRPatient/{row['RowIdentifier']}",
            nhs_number=row["NHSNumber"],
            born=_tpp_day(row["DateBirth"]),
        )
        for row in _tpp_rows(delivered / "SRPatient.csv")
        if row["RemovedData"] == "0"
    ]
    return lines, people


def _tpp_day(text: str) -> str:
    moment = _moment(text, "%d %b %Y %H:%M")
    return f"{moment:%Y-%m-%d}" if moment else ""


def _tpp_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="cp1252", newline="") as file:
        yield from csv.DictReader(file)


def _tpp_line(row: Row, night: datetime) -> Line:
    moment = _moment(row["DateEvent"], "%d %b %Y %H:%M:%S")
    return Line(
        night=night,
        registration=f"SRPatient/{row['IDPatient']}" if row["IDPatient"] else None,
        entry=row["RowIdentifier"],
        codes=tuple(code for code in (row["CTV3Code"], row["SNOMEDCode"]) if code not in ("", "-1")),
        dated=f"{moment:%Y-%m-%d}" if moment else "",
        recorded=_moment(row["DateEventRecorded"], "%d %b %Y %H:%M:%S"),
        deleted=row["RemovedData"] == "1",
        readable=bool(moment) or not row["DateEvent"],
    )


_FORMATS = {"emis_csv": _emis, "medicus_csv": _medicus, "tpp_csv": _tpp}


def _dated(text: str, length: int) -> tuple[str, bool]:
    """As much of the date as is meant, and whether it could be read."""
    if not text:
        return "", True
    return (text[:length], True) if _moment(text, "%Y-%m-%d") else ("", False)


def _moment(text: str, written: str) -> datetime | None:
    try:
        return datetime.strptime(text, written)  # noqa: DTZ007 (suppliers write local time)
    except ValueError:
        return None
