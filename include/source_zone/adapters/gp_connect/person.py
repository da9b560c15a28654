"""One person's entries, from all bundles of a delivery that are theirs, and what became of those of the last time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.lists import Completeness
from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.adapters.gp_connect.practice import PracticeFacts
from source_zone.adapters.gp_connect.record import Record, Row, Rows
from source_zone.adapters.gp_connect.rows import rows_of

MISSING_NOT_DELETED = "missing_but_not_deleted"
GONE_SINCE = "gone_since"  # entries of a late delivery that a newer one no longer had


@dataclass(slots=True)
class Person:
    """`records` are in order of age, so that of two versions of an entry the newer one comes last, and counts."""

    registration_id: str = field(repr=False)  # may be the NHS number
    records: Sequence[Record] = field(repr=False)
    policy: FieldPolicy = field(repr=False)
    before: set[str] = field(repr=False)  # ids that were sent
    is_late: bool = False  # `before` is from a newer delivery: it says what of this one still stands
    ids: set[str] = field(default_factory=set, repr=False)  # ids to remember as sent
    gone_since: int = 0
    missing: int = 0  # entries of the last time that are neither here nor surely deleted
    _present: set[str] = field(default_factory=set, repr=False)

    def rows(self, practitioner_of_role: Mapping[str, str]) -> Rows:
        """Rows of what is here, then deletions of what no longer is."""
        practice = self._facts(practitioner_of_role)
        for record in self.records:
            for entry in record.entries:
                for table, row in rows_of(entry, record, practice):
                    self._note(table, row, self._is_dissent(entry, record, practice))
                    if not self.is_late or self._still_stands(table, row, entry, record):
                        yield table, row
                    else:
                        self.gone_since += 1
        if not self.is_late:
            yield from self._deletions()

    def has_consent_codes(self) -> bool:
        """Whether a dissent or a withdrawal stands anywhere: with time alone, one can come into force."""
        return any(record.has_consent_codes() for record in self.records)

    def _facts(self, practitioner_of_role: Mapping[str, str]) -> PracticeFacts:
        confidential = frozenset(each for record in self.records for each in record.restricted_ids())
        dissents = frozenset(each for record in self.records for each in record.dissent_ids())
        return PracticeFacts(practitioner_of_role, confidential, dissents)

    def _is_dissent(self, entry: Entry, record: Record, practice: PracticeFacts) -> bool:
        return bool(practice.dissent_ids) and record.id_of(entry.name) in practice.dissent_ids

    def _still_stands(self, table: str, row: Row, entry: Entry, record: Record) -> bool:
        """What would leave now could not be deleted any more. An objection is looked at whenever it comes."""
        if row["is_deleted"] or row["is_confidential"] or row["fault"] is not None:
            return True
        return self._key(table, row) in self.before or record.has_consent_code(entry)

    def _key(self, table: str, row: Row) -> str:
        return f"{table}\t{row['record_id'][len(self.registration_id) + 1 :]}"

    def _note(self, table: str, row: Row, is_dissent: bool) -> None:
        """A dissent is never remembered as sent: that it is missing one day must not lift it."""
        key = self._key(table, row)
        self._present.add(key)
        leaves = row["fault"] is None and not row["is_confidential"]
        if not row["is_deleted"] and not is_dissent and (leaves or key in self.before):
            self.ids.add(key)

    def _deletions(self) -> Rows:
        complete = Completeness()
        for record in self.records:
            complete = complete.and_(record.completeness)
        for key in sorted(self.before - self._present):
            table, _, own_id = key.partition("\t")
            if complete.shows_all(own_id.split("/")[0], self.policy):
                yield table, self._deletion(own_id)
            else:
                self.missing += 1
                self.ids.add(key)

    def _deletion(self, own_id: str) -> Row:
        return {
            "record_id": f"{self.registration_id}|{own_id}",
            "registration_id": self.registration_id,
            "is_deleted": True,
            "is_confidential": False,
            "effective_date_precision": "unknown",
        }
