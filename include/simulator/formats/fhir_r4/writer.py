"""UK Core FHIR R4 as a Bulk Data export leaves it: a folder with a manifest, NDJSON a resource type, and deletions."""

import gzip
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from simulator.calendar import extract_date
from simulator.consents import consents
from simulator.emis.nights import Night
from simulator.facts import TABLE, Rows
from simulator.formats import CHANGED_HEADER, CUT_FILE, RowsOf, Written
from simulator.formats.fhir_r4 import people, resources
from simulator.formats.fhir_r4.elements import Cells, Resource, concepts, drug_concepts, plain
from simulator.practice import Practice
from simulator.record import observations_behind

_SERVER = "https://server.example.invalid/fhir/"
_COMPRESSED = ("Appointment",)
_AT_ONCE = 10_000
PROBLEM, REFERRAL = "CareRecord_Problem", "CareRecord_ObservationReferral"
_SOMETIMES_SAID = (  # what not all rows of a file have
    *("EffectiveDate", "EffectiveDatePrecision", "EnteredDate", "EnteredTime", "ClinicianUserInRoleGuid"),
    *("AssociatedText", "ConsultationGuid", "ProblemGuid", "ProblemObservationGuid", "OriginalTerm"),
    *("AppointmentSlotGuid", "EndDate", "Comment", "CancellationDate", "Dosage", "DateOfDeactivation"),
)


def _of_person(make: Callable[[Cells], Resource]) -> Callable[[Cells, Resource], Resource]:
    return lambda cells, _: make(cells)


@dataclass(frozen=True, slots=True)
class _File:
    make: Callable[[Cells, Resource], Resource]
    kind: str  # of what is deleted: deletions are of plain observations only
    drugs: bool = False


_FILES = {
    "Admin_Organisation": _File(_of_person(people.organisation), "Organization"),
    "Admin_UserInRole": _File(_of_person(people.practitioner_role), "PractitionerRole"),
    "Admin_Patient": _File(_of_person(people.patient), "Patient"),
    "CareRecord_Consultation": _File(resources.encounter, "Encounter"),
    "CareRecord_Observation": _File(resources.entry, "Observation"),
    "CareRecord_Problem": _File(resources.condition, "Condition"),
    "CareRecord_ObservationReferral": _File(resources.referral, "ServiceRequest"),
    "CareRecord_Diary": _File(resources.recall, "ServiceRequest"),
    "Prescribing_DrugRecord": _File(resources.authorisation, "MedicationRequest", drugs=True),
    "Prescribing_IssueRecord": _File(resources.issue, "MedicationRequest", drugs=True),
    "Appointment_Slot": _File(resources.appointment, "Appointment"),
}


@dataclass(slots=True)
class _Folder:
    """The files of one export, opened as they are needed."""

    path: Path
    counts: dict[str, int] = field(default_factory=dict)
    _open: dict[str, BinaryIO] = field(default_factory=dict, repr=False)

    def add(self, kind: str, made: Resource) -> None:
        if kind not in self._open:
            self._open[kind] = self._opened(self.path / self.name(kind))
        self._open[kind].write(json.dumps(made).encode() + b"\n")
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def name(self, kind: str) -> str:
        return f"{kind}.ndjson.gz" if kind in _COMPRESSED else f"{kind}.ndjson"

    def _opened(self, path: Path) -> BinaryIO:
        return cast("BinaryIO", gzip.GzipFile(path, "wb", mtime=0)) if path.suffix == ".gz" else path.open("wb")

    def close(self) -> None:
        for file in self._open.values():
            file.close()


@dataclass(frozen=True, slots=True)
class FhirR4:
    """There are no code tables and no sessions in FHIR; a wrong number has a place in an Observation only."""

    name: str = "fhir_r4"
    files: tuple[str, ...] = tuple(_FILES)

    def extract_id(self, night: int) -> str:
        return _transaction(night).lower()

    def carried(self, rows: Rows) -> Rows | None:
        if rows.facts is None:
            return None
        numbered = ~np.isin(rows.facts.table, [TABLE["immunisation"], TABLE["allergy"]])
        return replace(rows, facts=replace(rows.facts, unreadable_number=rows.facts.unreadable_number & numbered))

    def rows(self, source: Practice, night: int, file: str) -> Iterator[Rows]:
        """A night's changes. What EMIS says of a problem or referral in its observation is said in the resource itself."""
        for rows in Night(source, night, consents(source, night)).rows(file):
            is_about = file in (PROBLEM, REFERRAL) and rows.facts is not None and not rows.facts.deleted.any()
            yield _with_observations(source, night, rows) if is_about and len(rows) else rows

    def write(self, folder: Path, source: Practice, night: int, rows_of: RowsOf, trouble: str | None) -> Written:
        """Trouble is always with the observations."""
        draft = folder / f".{_transaction(night)}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        export = _Folder(draft)
        deleted: list[str] = []
        for file in self.files:
            for rows in rows_of(file):
                deleted += _put(source, rows, export, changed=trouble == CHANGED_HEADER)
        _put_deletions(export, deleted)
        export.close()
        (draft / "manifest.json").write_text(json.dumps(self._manifest(export, night), indent=1))
        if trouble == CUT_FILE:
            _cut_off(draft / export.name("Observation"))
        size = sum(each.stat().st_size for each in draft.iterdir())
        whole = folder / _transaction(night)
        shutil.rmtree(whole, ignore_errors=True)
        draft.rename(whole)
        return Written(files=len(export.counts) + 1, bytes=size)

    def repair(self, folder: Path, source: Practice, night: int, rows_of: RowsOf) -> None:
        self.write(folder, source, night, rows_of, None)

    def _manifest(self, export: _Folder, night: int) -> Resource:
        since = f"?_since={extract_date(night - 1)}T01:00:00Z" if night > 1 else ""
        files = [
            {"type": kind, "url": f"{_SERVER}files/{export.name(kind)}", "count": count, "file": export.name(kind)}
            for kind, count in export.counts.items()
        ]
        return {
            "transactionTime": f"{extract_date(night)}T01:00:00Z",
            "request": f"{_SERVER}Group/all/$export{since}",
            "requiresAccessToken": True,
            "output": [each for each in files if each["type"] != "Bundle"],
            "deleted": [each for each in files if each["type"] == "Bundle"],
            "error": [],
        }


def _with_observations(source: Practice, night: int, rows: Rows) -> Rows:
    behind = observations_behind(source, night, rows)
    facts = behind.facts
    if facts is None:
        raise ValueError(f"{behind.file} holds reference rows.")
    said = {name: column for name, column in behind.columns.items() if name not in rows.columns}
    dated = {"effective": facts.effective, "precision": facts.precision} if rows.file == PROBLEM else {}
    return replace(rows, columns={**rows.columns, **said}).with_facts(
        code=facts.code, confidential=facts.confidential, **dated
    )


def _put(source: Practice, rows: Rows, export: _Folder, *, changed: bool) -> list[str]:
    """What is said; and the names of what is deleted."""
    if rows.facts is None:
        raise ValueError(f"{rows.file} holds reference rows.")
    file = _FILES[rows.file]
    if rows.facts.deleted.any():
        return [f"{file.kind}/{plain(guid)}" for guid in next(iter(rows.columns.values())).to_pylist()]
    for some in _some_at_a_time(rows):
        codes = drug_concepts(some) if file.drugs else concepts(source, some)
        for cells, code in zip(_cells(some), codes, strict=True):
            made = file.make(cells, code)
            if changed and made["resourceType"] == "Observation":
                made["patientComment"] = "Rang about Snibbletwitch, zibberous"
            export.add(made["resourceType"], made)
    return []


def _some_at_a_time(rows: Rows) -> Iterator[Rows]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows.part(slice(start, start + _AT_ONCE))


def _cells(rows: Rows) -> Iterator[Cells]:
    names = list(rows.columns)
    for values in zip(*(rows.columns[name].to_pylist() for name in names), strict=True):
        yield {
            **dict.fromkeys(_SOMETIMES_SAID, ""),
            **{name: value or "" for name, value in zip(names, values, strict=True)},
        }


def _put_deletions(export: _Folder, names: list[str]) -> None:
    for start in range(0, len(names), 100):
        entries = [{"request": {"method": "DELETE", "url": name}} for name in names[start : start + 100]]
        export.add("Bundle", {"resourceType": "Bundle", "type": "transaction", "entry": entries})


def _cut_off(path: Path) -> None:
    data = path.read_bytes()
    start = data.index(b"\n", len(data) * 3 // 5) + 1
    path.write_bytes(data[: (start + data.index(b"\n", start)) // 2])


def _transaction(night: int) -> str:
    return f"{extract_date(night):%Y%m%d}T010000Z"


WRITER = FhirR4()
