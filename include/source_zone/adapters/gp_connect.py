"""GP Connect Access Record Structured (FHIR STU3): a folder of bundles, one a patient, is one snapshot of a practice.

The bundles are read twice: first to check every one against policy and to learn who is who, then for the entries.
So a practice stops before anything of it is yielded, and memory holds one bundle and some thousand rows at a time.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.gp_connect_bundles import Bundle, Seen, find_file, newest, read_bundle, snapshot_id
from source_zone.adapters.gp_connect_people import People
from source_zone.adapters.gp_connect_policy import FieldPolicy, read_field_policy
from source_zone.adapters.gp_connect_record import Record, Row
from source_zone.adapters.gp_connect_rows import rows_of
from source_zone.adapters.reading import FileRefused
from source_zone.identified import Extract, IdentifiedBatch, ReadTally, schema

_BATCH_ROWS = 10_000
# Problems and referrals come after all observations; they are few enough to wait in memory.
_LAST = ("problem", "referral")


@dataclass(slots=True)
class GPConnect:
    """The adapter of one practice. Bundles do not say reliably whose they are, so the practice is told."""

    practice_code: str
    policy: Policy
    name: str = "gp_connect"

    def find_extracts(self, folder: Path) -> list[Extract]:
        """One snapshot, dated by the bundles themselves or, as they seldom are, by the newest file (UTC).

        Raises FileRefused where the folder is missing, holds no bundle, or a bundle is cut off.
        """
        paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
        if not paths:
            raise FileRefused(
                f"{self.practice_code}: its folder is missing or holds no *.json bundle. Check the delivery."
            )
        found = [find_file(path, place) for path, place in self._placed(paths)]
        return [Extract(extract_id=snapshot_id(found), taken_at=newest(found), files=tuple(paths))]

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        """Every entry of a kind we read is a row, or counted in `tally`; quarantined ones name their fault.

        Raises FileRefused for a file that changed since it was found, NotInPolicy for what no reviewer has seen.
        """
        try:
            yield from self._read(extract, read_field_policy(self.policy), tally)
        except RecursionError:
            raise FileRefused(f"{self.practice_code}: a bundle is nested too deeply to be a record.") from None

    def _read(self, extract: Extract, fields: FieldPolicy, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        seen: dict[Path, Seen] = {}
        people = self._survey(extract, fields, seen, tally)
        batches = _Batches()
        for table, row in people.rows():
            yield from batches.add(table, row)
        yield from batches.rest()
        practice = people.practice()
        for bundle in self._bundles(extract, fields, seen):
            record = Record(bundle, fields)
            for entry in bundle.entries:
                for table, row in rows_of(entry, record, practice):
                    yield from batches.add(table, row)
            tally.not_collected.update(record.left)
        yield from batches.rest()

    def _survey(self, extract: Extract, fields: FieldPolicy, seen: dict[Path, Seen], tally: ReadTally) -> People:
        people = People(fields)
        for bundle in self._bundles(extract, fields, seen):
            people.take(bundle, Record(bundle, fields))
            tally.not_collected.update(entry.kind for entry in bundle.entries if entry.kind in fields.left)
            tally.reference_rows.update(entry.kind for entry in bundle.entries if entry.kind == "Medication")
        if snapshot_id(seen.values()) != extract.extract_id:
            raise self._changed()
        tally.reference_rows.update(people.again)
        tally.reference_rows["PractitionerRole"] += people.roles_joined()
        return people

    def _bundles(self, extract: Extract, fields: FieldPolicy, seen: dict[Path, Seen]) -> Iterator[Bundle]:
        for path, place in self._placed(extract.files):
            bundle, now = read_bundle(path, place, fields)
            if seen.setdefault(path, now) != now:
                raise self._changed()
            yield bundle

    def _changed(self) -> FileRefused:
        return FileRefused(
            f"{self.practice_code}: a bundle changed while it was read. Let the delivery finish, run again."
        )

    def _placed(self, paths: tuple[Path, ...] | list[Path]) -> Iterator[tuple[Path, str]]:
        """A file's name can hold a patient's name, so messages say which of how many, in order of names."""
        for number, path in enumerate(paths, 1):
            yield path, f"{self.practice_code}, bundle {number} of {len(paths)} by name"


@dataclass(slots=True)
class _Batches:
    """Rows waiting to become a batch, a list a table."""

    _waiting: dict[str, list[Row]] = field(default_factory=dict, repr=False)
    _held: list[IdentifiedBatch] = field(default_factory=list, repr=False)

    def add(self, table: str, row: Row) -> Iterator[IdentifiedBatch]:
        rows = self._waiting.setdefault(table, [])
        rows.append(row)
        if len(rows) < _BATCH_ROWS:
            return
        batch = _batch(table, self._waiting.pop(table))
        if table in _LAST:
            self._held.append(batch)
        else:
            yield batch

    def rest(self) -> Iterator[IdentifiedBatch]:
        waiting = sorted(self._waiting.items(), key=lambda each: each[0] in _LAST)
        yield from (_batch(table, rows) for table, rows in waiting if table not in _LAST)
        yield from self._held
        yield from (_batch(table, rows) for table, rows in waiting if table in _LAST)
        self._waiting, self._held = {}, []


def _batch(table: str, rows: list[Row]) -> IdentifiedBatch:
    try:
        return IdentifiedBatch(table, pa.RecordBatch.from_pylist(rows, schema=schema(table)))
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError):
        raise FileRefused(
            f"{table}: a value does not fit its column. Report this as a fault of the software."
        ) from None
