"""GP Connect Access Record Structured (FHIR STU3): a folder of bundles, one a patient, is one snapshot of a practice.

The bundles are read twice: first to check every one against policy and to learn who is who, then for the entries.
So a practice stops before anything of it is yielded, and memory holds one person's bundles and some thousand rows at a
time. Records come whole: a person whose bundles are the same as last time is counted and left out, and what is missing
from a bundle that is complete has been deleted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import pyarrow as pa

from crossing.policy import Policy
from source_zone.adapters.gp_connect.batches import in_batches
from source_zone.adapters.gp_connect.bundles import Bundle, Bundles, collector_paused
from source_zone.adapters.gp_connect.files import find_file, newest, snapshot_id
from source_zone.adapters.gp_connect.history import REMEMBERED_AS, History, digest, row_digest, rules_digest
from source_zone.adapters.gp_connect.person import GONE_SINCE, MISSING_NOT_DELETED, Person
from source_zone.adapters.gp_connect.policy import FieldPolicy, read_field_policy
from source_zone.adapters.gp_connect.record import Record, Rows
from source_zone.adapters.gp_connect.stamps import is_stamp, stamped_snapshots
from source_zone.adapters.gp_connect.survey import LOOKED_INTO, NOT_DELIVERED, UNCHANGED, Delivered, Survey
from source_zone.adapters.reading import FileRefused
from source_zone.identified import Extract, IdentifiedBatch, ReadTally

_SHARED = "shared"  # before the name of what many records share, among the registrations of the history


@dataclass(slots=True)
class GPConnect:
    """The adapter of one practice. Bundles do not say reliably whose they are, so the practice is told."""

    practice_code: str
    policy: Policy
    remembered: Mapping[str, pa.Table] = field(default_factory=dict, repr=False)
    name: str = "gp_connect"

    def find_extracts(self, folder: Path) -> list[Extract]:
        """Each folder in it named YYYYMMDDhhmmss (UTC) is one snapshot; bundles beside such folders are one more.

        That one is dated by the bundles themselves or, as they seldom are, by the newest file. Raises FileRefused where
        the folder is missing, holds no bundle or a folder of another name, or where a bundle is cut off.
        """
        stamped = stamped_snapshots(folder, self.practice_code)
        paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
        if not paths and not stamped:
            raise FileRefused(
                f"{self.practice_code}: its folder is missing or holds no *.json bundle. Check the delivery."
            )
        found = [find_file(path, self._place(number, paths)) for number, path in enumerate(paths, 1)]
        loose = [Extract(extract_id=snapshot_id(found), taken_at=newest(found), files=tuple(paths))] if found else []
        return sorted([*stamped, *loose], key=lambda each: each.taken_at)

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        """Every entry of a kind we read is a row, or counted in `tally`; quarantined ones name their fault.

        Raises FileRefused for a file that changed since it was found, NotInPolicy for what no reviewer has seen.
        """
        try:
            yield from self._read(extract, read_field_policy(self.policy), tally)
        except RecursionError:
            raise FileRefused(f"{self.practice_code}: a bundle is nested too deeply to be a record.") from None

    def _read(self, extract: Extract, fields: FieldPolicy, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        bundles = Bundles(fields)
        survey = self._survey(extract, fields, bundles, tally)
        history = History.of(tally.remembered.get(REMEMBERED_AS, self.remembered.get(REMEMBERED_AS)))
        rules = rules_digest(self.policy)
        changed = self._changed_records(survey, history, rules, tally)
        shared = self._changed_shared_rows(survey, history, rules, tally)
        patients = ((table, row) for table, row in survey.people.patient_rows() if row["record_id"] in changed)
        yield from in_batches(chain(shared, patients))
        yield from in_batches(self._entries(extract, fields, bundles, survey, history, changed, tally))
        tally.remembered[REMEMBERED_AS] = history.table(extract.taken_at)
        tally.told_apart_by[REMEMBERED_AS] = ("name",)

    def _changed_records(self, survey: Survey, history: History, rules: str, tally: ReadTally) -> dict[str, bytes]:
        """Registration -> digest. The others are counted."""
        digests = {
            who: digest(rules, (each.seen.sha256 for each in theirs)) for who, theirs in survey.delivered.items()
        }
        changed = {who: now for who, now in digests.items() if not history.is_unchanged(who, now)}
        tally.reference_rows[UNCHANGED] += sum(1 + survey.entries_of(who) for who in digests.keys() - changed.keys())
        known = {name for name in history.names() if not name.startswith(f"{_SHARED} ")}
        tally.not_collected[NOT_DELIVERED] += len(known - digests.keys())
        return changed

    def _entries(
        self,
        extract: Extract,
        fields: FieldPolicy,
        bundles: Bundles,
        survey: Survey,
        history: History,
        changed: dict[str, bytes],
        tally: ReadTally,
    ) -> Rows:
        roles, known = survey.people.practitioner_of_role(), history.names()
        is_late = history.is_newer_than(extract.taken_at)
        for who, now in changed.items():
            with collector_paused():
                whole = (self._again(extract, bundles, each) for each in survey.delivered[who])
                records = [Record(bundle, fields) for bundle in whole]
                person = Person(who, records, fields, history.ids(who), is_late=is_late and who in known)
                rows = list(person.rows(roles))
            yield from rows
            if not person.is_late:
                history.remember(who, b"" if person.has_consent_codes() else now, person.ids)
            tally.not_collected[GONE_SINCE] += person.gone_since
            tally.not_collected[MISSING_NOT_DELETED] += person.missing
            for record in person.records:
                tally.not_collected.update(record.left)

    def _changed_shared_rows(self, survey: Survey, history: History, rules: str, tally: ReadTally) -> Rows:
        for table, row in survey.people.shared_rows():
            name, now = f"{_SHARED} {table} {row['record_id']}", row_digest(rules, row)
            if history.is_unchanged(name, now):
                tally.reference_rows[f"unchanged_{table}"] += 1
            else:
                history.remember(name, now, set())
                yield table, row

    def _survey(self, extract: Extract, fields: FieldPolicy, bundles: Bundles, tally: ReadTally) -> Survey:
        survey = Survey(fields, tally)
        for number, path in enumerate(extract.files, 1):
            with collector_paused():
                survey.take(number, *bundles.read(path, self._place(number, extract.files), LOOKED_INTO))
        if not is_stamp(extract.extract_id) and snapshot_id(survey.seen()) != extract.extract_id:
            raise self._changed()
        survey.count_shared()
        return survey

    def _again(self, extract: Extract, bundles: Bundles, delivered: Delivered) -> Bundle:
        place = self._place(delivered.number, extract.files)
        bundle = bundles.read_again(extract.files[delivered.number - 1], place, delivered.seen)
        if bundle is None:
            raise self._changed()
        return bundle

    def _changed(self) -> FileRefused:
        return FileRefused(
            f"{self.practice_code}: a bundle changed while it was read. Let the delivery finish, run again."
        )

    def _place(self, number: int, paths: Sequence[Path]) -> str:
        """A file's name can hold a patient's name, so messages say which of how many, in order of names."""
        return f"{self.practice_code}, bundle {number} of {len(paths)} by name"
