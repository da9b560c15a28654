"""TPP SystmOne's Strategic Reporting Extract: a folder a night, one file a table, and a manifest. Windows-1252."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from simulator import calendar
from simulator.consents import Consent, consents
from simulator.draws import Numbers
from simulator.emis.nights import Night
from simulator.emis.write import cut_off
from simulator.facts import Rows
from simulator.formats import CHANGED_HEADER, CUT_FILE, RowsOf, Written
from simulator.formats.tpp_csv import practice as practice_tables
from simulator.formats.tpp_csv import rows as events
from simulator.formats.tpp_csv import supply
from simulator.formats.tpp_csv.layout import COLUMNS, MAPPING, TABLES
from simulator.practice import Practice
from simulator.roster import NEVER
from simulator.texts import constant

_OPTIONS = pyarrow.csv.WriteOptions(include_header=True, quoting_style="all_valid")
_ABOUT_PATIENTS: dict[str, Callable[[Practice, int, Rows], Iterator[Rows]]] = {
    "CareRecord_Consultation": events.events,
    "CareRecord_Observation": events.entries,
    "CareRecord_Problem": events.problems,
    "CareRecord_ObservationReferral": events.referrals,
    "CareRecord_Diary": events.recalls,
    "Prescribing_DrugRecord": supply.templates,
    "Prescribing_IssueRecord": supply.prescriptions,
    "Appointment_Slot": supply.appointments,
}
_ABOUT_THE_PRACTICE: dict[str, Callable[[Practice, Rows], Iterator[Rows]]] = {
    "Admin_Organisation": practice_tables.organisations,
    "Admin_UserInRole": practice_tables.staff,
    "Admin_Patient": practice_tables.patients,
}
_SUPPLIES = ("Prescribing_DrugRecord", "Prescribing_IssueRecord", "Appointment_Slot")
_LISTS = "Coding_ClinicalCode"
_BROKEN_TABLE, _ADDED_COLUMN = "SRCode", "PatientComment"


@dataclass(frozen=True, slots=True)
class TppCsv:
    """Everything comes whole on the first night, and as changes on the others."""

    name: str = "tpp_csv"
    files: tuple[str, ...] = (_LISTS, *_ABOUT_THE_PRACTICE, *_ABOUT_PATIENTS)

    def extract_id(self, night: int) -> str:
        return calendar.extract_id(night)

    def carried(self, rows: Rows) -> Rows:
        return rows

    def rows(self, source: Practice, night: int, file: str) -> Iterator[Rows]:
        """As TPP's tables. Protected patients, and what is marked confidential, are not in an extract at all."""
        if file == _LISTS:
            yield from practice_tables.lists(source, night)
            return
        for every in Night(source, night, consents(source, night)).rows(file):
            some = _without_protected(source, night, every)
            if not len(some):
                continue
            if file in _ABOUT_THE_PRACTICE:
                yield from _ABOUT_THE_PRACTICE[file](source, some)
            elif len(plain := _sayable(file, some)):
                yield from _ABOUT_PATIENTS[file](source, night, plain)

    def as_read(self, source: Practice, entries: list[Consent]) -> tuple[Practice, list[Consent]]:
        """Nobody is marked: who is protected from the first night on was never there."""
        people = source.roster
        joined = np.where(_protected(source, 1), NEVER, people.joined_on)
        nobody = np.zeros(len(people), bool)
        unmarked = np.full(len(people), NEVER)
        known = replace(people, joined_on=joined, confidential_from=unmarked, spine_sensitive=nobody)
        return replace(source, roster=known), entries

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        """Trouble is always with the codes."""
        draft = folder / ".under-way"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        _write_tables(draft, self.files, rows_of, changed_header=trouble == CHANGED_HEADER)
        _write_manifest(draft, night)
        if trouble == CUT_FILE:
            cut_off(draft / f"{_BROKEN_TABLE}.csv")
        delivered = folder / calendar.extract_date(night).strftime("%Y%m%d_0100")
        shutil.rmtree(delivered, ignore_errors=True)
        draft.rename(delivered)
        written = list(delivered.iterdir())
        return Written(files=len(written), bytes=sum(path.stat().st_size for path in written))

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        self.write(folder, source, night, rows_of, None)


def _sayable(file: str, rows: Rows) -> Rows:
    plain = events.without_marked(rows)
    return supply.readable(plain) if file in _SUPPLIES else plain


def _protected(source: Practice, night: int) -> Numbers:
    return np.asarray((source.roster.confidential_from <= night) | source.roster.spine_sensitive)


def _without_protected(source: Practice, night: int, rows: Rows) -> Rows:
    if rows.facts is None:
        return rows
    patient = rows.facts.patient
    return rows.where(~((patient >= 0) & _protected(source, night)[np.maximum(patient, 0)]))


def _write_tables(folder: Path, files: tuple[str, ...], rows_of: RowsOf, *, changed_header: bool) -> None:
    with ExitStack() as stack:
        writers = {}
        for table in TABLES:
            added = [_ADDED_COLUMN] if changed_header and table == _BROKEN_TABLE else []
            schema = pa.schema([(name, pa.string()) for name in (*COLUMNS[table], *added)])
            path = folder / f"{table}.csv"
            writers[table] = stack.enter_context(pyarrow.csv.CSVWriter(path, schema, write_options=_OPTIONS)), schema
        for file in files:
            for rows in rows_of(file):
                if rows.file in writers:
                    writer, schema = writers[rows.file]
                    writer.write_batch(_in_order(rows, schema))
    for table in TABLES:
        _as_windows_1252(folder / f"{table}.csv")


def _in_order(rows: Rows, schema: pa.Schema) -> pa.RecordBatch:
    empty = constant("", len(rows))
    return pa.RecordBatch.from_arrays(
        [rows.columns.get(name, empty).cast(pa.string()) for name in schema.names], schema=schema
    )


def _as_windows_1252(path: Path) -> None:
    data = path.read_bytes()
    if not data.isascii():
        path.write_bytes(data.decode().encode("cp1252"))


def _write_manifest(folder: Path, night: int) -> None:
    is_delta = "N" if night == 1 else "Y"
    lines = ['"FileName","IsDelta"', *(f'"{table}","{is_delta}"' for table in TABLES if table != MAPPING)]
    (folder / "SRManifest.csv").write_text("\r\n".join(lines) + "\r\n", encoding="cp1252", newline="")


WRITER = TppCsv()
