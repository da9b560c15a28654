"""UK Core FHIR R4 in NDJSON: each folder is one Bulk Data export, everything first and then what changed since.

Lines are read one at a time, each type of resource in its turn, so memory holds some thousand rows whatever the size.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.fhir_r4.batches import Batches
from source_zone.adapters.fhir_r4.deleted import deleted_rows
from source_zone.adapters.fhir_r4.export import Export, ExportFile, check_untroubled, export_folders, lines, read_export
from source_zone.adapters.fhir_r4.memory import medications_table, read_memory, restricted_table
from source_zone.adapters.fhir_r4.owners import Owners
from source_zone.adapters.fhir_r4.people import People
from source_zone.adapters.fhir_r4.policy import FieldPolicy, read_field_policy, refuse_kind
from source_zone.adapters.fhir_r4.record import Entry, Record, Row, Rows
from source_zone.adapters.fhir_r4.rows import MAPPINGS, Mapping_, objections_in, rows_of
from source_zone.adapters.reading import FileRefused
from source_zone.identified import Extract, IdentifiedBatch, ReadTally

# Who and where first, then what others point to, then the record; problems last.
_ORDER = (
    *("Organization", "Practitioner", "PractitionerRole", "EpisodeOfCare", "Patient", "Medication", "Encounter"),
    *("Observation", "DiagnosticReport", "Procedure", "DocumentReference", "Immunization", "AllergyIntolerance"),
    *("MedicationRequest", "MedicationStatement", "Appointment", "ServiceRequest", "Condition"),
)
_REFERENCE = ("EpisodeOfCare", "Medication")


@dataclass(slots=True)
class FhirR4:
    """The adapter of one practice. `remembered` is what earlier nights left behind: increments refer to it."""

    practice_code: str
    policy: Policy
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "fhir_r4"

    def find_extracts(self, folder: Path) -> list[Extract]:
        """Raises FileRefused where there is none, or where one is not as its manifest says."""
        return [_extract(each, self.practice_code) for each in export_folders(folder, self.practice_code)]

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        """Every resource of a type we read is a row, or counted in `tally`; quarantined ones name their fault.

        Raises FileRefused for an export that is not whole, NotInPolicy for what no reviewer has seen.
        """
        export = read_export(extract.files[0].parent, self.practice_code)
        fields = read_field_policy(self.policy)
        _check_kinds(export, fields)
        tally.not_collected["OperationOutcome"] += check_untroubled(export)
        try:
            yield from _Reading(self.practice_code, export, Record(fields), tally).batches(
                {**self.remembered, **tally.remembered}
            )
        except RecursionError:
            raise FileRefused(f"{self.practice_code}: a resource is nested too deeply to be one.") from None


def _extract(folder: Path, practice_code: str) -> Extract:
    export = read_export(folder, practice_code)
    return Extract(
        extract_id=folder.name.lower(),
        taken_at=export.taken_at,
        files=tuple(sorted(each for each in folder.iterdir() if not each.name.startswith("."))),
        kind="delta" if export.is_increment else "snapshot",
        supplier_record_count=export.stated_records(),
    )


def _check_kinds(export: Export, fields: FieldPolicy) -> None:
    for file in export.output:
        if file.kind not in fields.decoders and file.kind not in fields.left:
            refuse_kind(file.kind, file.place)


class _Reading:
    """One export on its way through."""

    def __init__(self, practice_code: str, export: Export, record: Record, tally: ReadTally) -> None:
        self._export, self._record, self._tally = export, record, tally
        self._people = People(practice_code, record)
        self._mappings: dict[str, Mapping_] = {
            **MAPPINGS,
            "Organization": self._people.organisation,
            "Practitioner": self._people.practitioner,
            "PractitionerRole": self._people.practitioner_role,
            "EpisodeOfCare": self._people.episode,
            "Patient": self._people.patient,
            "Medication": _medication,
        }

    def batches(self, remembered: dict[str, pa.Table]) -> Iterator[IdentifiedBatch]:
        self._people.remember(remembered)
        read_memory(remembered, self._record)
        owners = Owners.remembered(remembered)
        batches = Batches(owners)
        for rows in self._parts(owners):
            for table, row in rows:
                full = batches.add(table, row)
                if full is not None:
                    yield full
            yield from batches.rest()  # else rows of every table would wait for the end
        self._tally.not_collected.update(self._record.left)
        self._tally.remembered |= {
            **self._people.tables(),
            **owners.tables(),
            **medications_table(self._record),
            **restricted_table(self._record),
        }

    def _files(self, kind: str) -> Iterator[ExportFile]:
        return (file for file in self._export.output if file.kind == kind)

    def _parts(self, owners: Owners) -> Iterator[Iterator[tuple[str, Row]]]:
        for kind in _ORDER:
            yield self._of_kind(kind)
        yield self._left()
        yield deleted_rows(self._export, self._record, self._people, owners)

    def _of_kind(self, kind: str) -> Iterator[tuple[str, Row]]:
        record, mapping = self._record, self._mappings[kind]
        for file in self._files(kind):
            for place, line in lines(file):
                if kind in _REFERENCE:
                    self._tally.reference_rows[kind] += 1
                yield from rows_of(kind, line, place, record, mapping)
        if kind == "Patient":
            yield from self._people.changed()

    def _left(self) -> Iterator[tuple[str, Row]]:
        for kind in sorted(self._record.policy.left):
            for file in self._files(kind):
                for place, line in lines(file):
                    self._tally.not_collected[kind] += 1
                    yield from objections_in(kind, line, place, self._record)


def _medication(entry: Entry, record: Record) -> Rows:
    """For the requests that refer to it."""
    name, coded = record.name_of(entry), record.codes(entry.resource.code, snomed_column="dmd_code")
    if name:
        record.medications[name] = coded, record.all_codes.further(entry.found, coded.own)
    return []
