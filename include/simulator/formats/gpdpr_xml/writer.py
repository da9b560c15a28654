"""GPDPR supplier schema 0.77 as gzipped XML: a file of patients' snapshots, one of appointments, and a report on each."""

import gzip
import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from simulator import calendar
from simulator.facts import Rows
from simulator.formats import CHANGED_HEADER, CUT_FILE, RowsOf, Written
from simulator.formats.gpdpr_xml.elements import elements_of
from simulator.formats.gpdpr_xml.rows import LINKS, carried_rows
from simulator.formats.gpdpr_xml.snapshots import Snapshots
from simulator.practice import Practice

_NAMESPACE = "http://www.nhsdigital.nhs.uk/GPDFSU/XMLSchema/GPDataExtract/ns"
_DIRECTORY = ("Admin_Organisation", "Admin_UserInRole")
_SNAPSHOTS = (
    "Admin_Patient",
    "CareRecord_Consultation",
    "CareRecord_Observation",
    "CareRecord_Problem",
    LINKS,
    "CareRecord_ObservationReferral",
    "CareRecord_Diary",
    "Prescribing_DrugRecord",
    "Prescribing_IssueRecord",
)
_APPOINTMENTS = ("Appointment_Slot",)
_ADDED = ' comment="Rang about Snibbletwitch, zibberous"/>'


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """One file of a night: its workflow, and what its report says of it."""

    path: Path
    facts: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class GpdprXml:
    """Clear values. The first night is a snapshot of the practice, the others are deltas."""

    name: str = "gpdpr_xml"
    files: tuple[str, ...] = (*_DIRECTORY, *_SNAPSHOTS, *_APPOINTMENTS)

    def extract_id(self, night: int) -> str:
        return calendar.extract_id(night)

    def rows(self, source: Practice, night: int, file: str) -> Iterator[Rows]:
        return carried_rows(source, night, file)

    def carried(self, rows: Rows) -> Rows:
        return rows

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        """Trouble is always with the patients' file. The reports say what the files should hold."""
        files = {"PAT": _file(folder, source, night, "PAT"), "APPT": _file(folder, source, night, "APPT")}
        directory = [*_elements(source, rows_of, _DIRECTORY)]
        with closing(Snapshots(_elements(source, rows_of, _SNAPSHOTS))) as snapshots:
            texts = _patients_file(directory, snapshots, changed=trouble == CHANGED_HEADER)
            _pack(files["PAT"].path, source, night, texts)
            rows = sum(len(each) for each in directory) + snapshots.rows
        if trouble == CUT_FILE:
            _cut_off(files["PAT"].path)
        appointments = [*_elements(source, rows_of, _APPOINTMENTS)]
        _pack(files["APPT"].path, source, night, _in("appointment-extract", _texts(appointments)))
        counts = {"PAT": rows, "APPT": sum(len(each) for each in appointments)}
        reports = [_report(folder, source, night, kind, files[kind], counts[kind]) for kind in files]
        written = [*(each.path for each in files.values()), *reports]
        return Written(files=len(written), bytes=sum(path.stat().st_size for path in written))

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        self.write(folder, source, night, rows_of, None)


def _elements(source: Practice, rows_of: RowsOf, files: tuple[str, ...]) -> Iterator[pl.DataFrame]:
    """Columns whose, table (its place in the order of a snapshot) and xml."""
    for place, file in enumerate(files):
        for rows in rows_of(file):
            for made in elements_of(source, rows):
                whose = pl.Series("whose", pl.from_arrow(made.whose))
                yield pl.DataFrame({"whose": whose, "xml": made.xml}).with_columns(pl.lit(place).alias("place"))


def _patients_file(directory: list[pl.DataFrame], snapshots: Snapshots, *, changed: bool) -> Iterator[str]:
    yield from _in("practice-directory", _texts(directory))
    yield "<practice-patient-extracts>\n"
    for snapshot in snapshots.texts():
        text = snapshot.replace("/>", _ADDED, 1) if changed else snapshot
        yield f"<patient-extract-snapshot>\n{text}</patient-extract-snapshot>\n"
    yield "</practice-patient-extracts>\n"


def _texts(parts: list[pl.DataFrame]) -> Iterator[str]:
    for part in parts:
        yield from part["xml"].to_list()


def _in(container: str, texts: Iterable[str]) -> Iterator[str]:
    yield f"<{container}>\n"
    yield from texts
    yield f"</{container}>\n"


def _pack(path: Path, source: Practice, night: int, texts: Iterable[str]) -> None:
    """Appears under its name only when it is whole; no clock in it, so that the same night gives the same bytes."""
    draft = path.with_name(path.name + ".part")
    issued = f"{calendar.extract_date(night).isoformat()}T01:00:00"
    practice = f'id="{_uuid(source, "practice extract", night)}" issue_date_time="{issued}" source_system="Simulator"'
    with draft.open("wb") as raw, gzip.GzipFile("", "wb", 1, raw, mtime=0) as file:
        file.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<gpdata-extract xmlns="{_NAMESPACE}"'.encode())
        file.write(f' id="{_uuid(source, "extract", night)}">\n'.encode())
        file.write(f'<practice-extract {practice} source_version="1" provider_id="{source.code}">\n'.encode())
        for text in texts:
            file.write(text.encode())
        file.write(b"</practice-extract>\n</gpdata-extract>\n")
    draft.rename(path)


def _cut_off(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 5])


def _file(folder: Path, source: Practice, night: int, kind: str) -> _File:
    message, channel = _uuid(source, f"message {kind}", night), _uuid(source, f"channel {kind}")
    stamp = calendar.extract_id(night)
    facts = {"message_id": message, "channel_id": channel, "channel_sequence": night}
    return _File(path=folder / f"GPDRP_{kind}_EXTRACT_{message}_{stamp}_{channel}_{night}.dat.gz", facts=facts)


def _report(folder: Path, source: Practice, night: int, kind: str, file: _File, rows: int) -> Path:
    day = calendar.extract_date(night).isoformat()
    type_ = "snapshot" if night == 1 else "delta"
    expected = {"org_code": source.code, **{each: int(each == type_) for each in ("delta", "recon", "snapshot")}}
    sent = {"date_generated": f"{day}T01:00:00", "date_transmitted": f"{day}T01:05:00", "effective_date": day}
    report = {
        "supplier": "Simulator",
        "status": "complete",
        "serviced_provider_list": [source.code],
        "participation_list": [source.code],
        "expected_submissions": [expected],
        "actual_submissions": [{"org_code": source.code, **sent, **file.facts, "record_count": rows, "type": type_}],
    }
    path = folder / f"GPDRP_{kind}_REPORT_{calendar.extract_id(night)}.jsonl"
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(report) + "\n")
    draft.rename(path)
    return path


def _uuid(source: Practice, what: str, serial: int = 0) -> str:
    return source.guid(f"gpdpr {what}", serial).strip("{}").lower()


WRITER = GpdprXml()
