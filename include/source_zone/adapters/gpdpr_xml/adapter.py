"""GPDPR supplier schema 0.77: gzipped XML, a snapshot a patient, and appointments apart; every attribute is in policy.

Files of one time stamp are one extract. They are streamed: memory holds some 50,000 rows and one patient's snapshot,
whatever the size of a file.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.gpdpr_xml.completeness_report import (
    ActualSubmission,
    check_complete,
    kind_of,
    reported_of,
    submissions_of,
)
from source_zone.adapters.gpdpr_xml.deid import Deid, read_deid
from source_zone.adapters.gpdpr_xml.files import (
    CHANNELS,
    TAKEN,
    Submission,
    by_extract,
    check_sequences,
    find_files,
    taken_at,
)
from source_zone.adapters.gpdpr_xml.people import (
    KNOWN_PEOPLE,
    PEOPLE,
    appointments,
    latest_people,
    patients,
    people_of,
    registrations,
)
from source_zone.adapters.gpdpr_xml.policy import Fields, read_fields
from source_zone.adapters.gpdpr_xml.stream import Chunk, Stream
from source_zone.adapters.gpdpr_xml.tables import EVENTS
from source_zone.adapters.gpdpr_xml.unpacked import unpacked
from source_zone.identified import Extract, IdentifiedBatch, ReadTally, schema

LINKS = "problem_link"  # a link is read into its entry, and is no row of its own
LINKS_WITHOUT_ENTRY = "problem_link_without_its_entry"
REPEATED = "repeated_submission"


@dataclass(slots=True)
class GpdprXml:
    """The adapter of one practice. `remembered` says what was taken of each channel, and who is registered as whom."""

    practice_code: str
    policy: Policy
    token_key_name: str
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "gpdpr_xml"

    def find_extracts(self, folder: Path) -> list[Extract]:
        """Raises FileRefused, ChannelBroken for a number that is missing, NotComplete for reports that disagree."""
        found = find_files(folder, self.practice_code)
        taken = self._remembered(CHANNELS, TAKEN)
        check_sequences(found.submissions, taken, self.practice_code)
        said = submissions_of(found.reports, self.practice_code)
        extracts = by_extract(found.submissions, taken)
        return [self._extract(extract_id, files, said) for extract_id, files in extracts.items()]

    def _extract(
        self, extract_id: str, files: list[Submission], said: dict[tuple[str, str, int], ActualSubmission]
    ) -> Extract:
        counted = [said.get((each.message_id, each.channel_id, each.sequence)) for each in files]
        return Extract(
            extract_id=extract_id,
            taken_at=taken_at(files[0].stamp, files[0].path.name),
            files=tuple(each.path for each in files),
            kind=kind_of(files, said, self.practice_code),
            supplier_record_count=sum(each.record_count for each in counted if each) if all(counted) else None,
        )

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        """Raises PersonMustAct for a file that is cut off, not in policy, or not what its report counts; ReportMissing."""
        folder = extract.files[0].parent
        found = find_files(folder, self.practice_code)
        said = submissions_of(found.reports, self.practice_code)
        taken = tally.remembered.get(CHANNELS, self._remembered(CHANNELS, TAKEN))
        repeats = check_sequences(found.submissions, taken, self.practice_code)
        reading = _Reading(
            fields=read_fields(self.policy),
            deid=read_deid(self.policy, self.practice_code, self.token_key_name),
            people=[_frame(tally.remembered.get(PEOPLE, self._remembered(PEOPLE, KNOWN_PEOPLE)))],
        )
        for file in sorted((each for each in found.submissions if each.path in extract.files), key=Submission.order):
            if file.path.name in repeats:
                tally.not_collected[REPEATED] += 1
                continue
            reported_of(file, said, self.practice_code)
            digest = hashlib.sha256()
            stream = Stream(file.path, self.practice_code, reading.fields.known)
            for chunk in stream.read(unpacked(file.path, digest)):
                yield from reading.batches(chunk)
            check_complete(file, stream.rows, said, self.practice_code)
            tally.reference_rows[LINKS] += stream.links["applied"]
            tally.not_collected[LINKS_WITHOUT_ENTRY] += stream.links["not_applied"]
            taken = pa.concat_tables([taken, _as_taken(file, digest.hexdigest(), extract.extract_id)])
        tally.remembered |= {CHANNELS: taken, PEOPLE: reading.people_now()}
        tally.told_apart_by |= {CHANNELS: ("channel_id", "sequence"), PEOPLE: ("registration_id",)}

    def _remembered(self, name: str, columns: pa.Schema) -> pa.Table:
        return self.remembered.get(name, columns.empty_table())


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What is needed to understand the rows of an extract, and whom it has told of so far."""

    fields: Fields
    deid: Deid
    people: list[pl.DataFrame] = field(repr=False)
    _registrations: pl.DataFrame | None = field(default=None, repr=False)

    def batches(self, chunk: Chunk) -> Iterator[IdentifiedBatch]:
        for table in self.fields.read:
            if chunk.get(table) and table != LINKS:
                name, mapped = self._mapped(table, _columns(chunk.pop(table), self.fields.read[table]))
                yield IdentifiedBatch(name, _conform(name, mapped))

    def _mapped(self, table: str, rows: pl.DataFrame) -> tuple[str, pl.DataFrame]:
        if table == "patient":
            self.deid.check(rows)
            self.people.append(people_of(rows, self.deid))
            self._registrations = None
            return table, patients(rows, self.fields, self.deid)
        if table == "appointment":
            self.deid.check(rows)
            if self._registrations is None:
                self._registrations = registrations(latest_people(self.people))
            return table, appointments(rows, self.fields, self.deid, self._registrations)
        name, mapping = EVENTS[table]
        return name, mapping(rows, self.fields)

    def people_now(self) -> pa.Table:
        return latest_people(self.people).to_arrow().cast(KNOWN_PEOPLE)


def _columns(rows: list[dict[str, str]], names: tuple[str, ...]) -> pl.DataFrame:
    """The attributes that policy lets us read, empty text as NULL. The others are not looked at."""
    columns = {name: [cells.get(name) or None for cells in rows] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def _conform(table: str, rows: pl.DataFrame) -> pa.RecordBatch:
    """Adds the columns this format does not carry, as NULL, and fixes the order and types."""
    wanted = schema(table)
    missing = [pl.lit(None).alias(each.name) for each in wanted if each.name not in rows.columns]
    table_ = rows.with_columns(missing).select(wanted.names).to_arrow().cast(wanted)
    return table_.combine_chunks().to_batches()[0]


def _frame(table: pa.Table) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(table))


def _as_taken(file: Submission, sha256: str, extract_id: str) -> pa.Table:
    row = {"channel_id": file.channel_id, "sequence": file.sequence, "name": file.path.name}
    return pa.Table.from_pylist([row | {"sha256": sha256, "extract_id": extract_id}], TAKEN)
