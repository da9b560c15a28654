"""What a first reading of all bundles tells: that every one may be read, who is who, and which are one person's."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from source_zone.adapters.gp_connect.bundles import Bundle
from source_zone.adapters.gp_connect.clinical import MAPPINGS
from source_zone.adapters.gp_connect.files import Seen
from source_zone.adapters.gp_connect.people import SHARED_KINDS, People
from source_zone.adapters.gp_connect.policy import FieldPolicy
from source_zone.adapters.gp_connect.record import Record
from source_zone.identified import ReadTally

UNCHANGED = "unchanged_entries"  # entries, and patients, of records that came just as they were last time
NOT_DELIVERED = "records_not_delivered"  # of patients of earlier deliveries: nobody says that they are gone
LOOKED_INTO = SHARED_KINDS | {"List"}  # the kinds of entries that a survey needs
_INCOMPLETE = "incomplete_records"


@dataclass(frozen=True, slots=True)
class Delivered:
    """One bundle: which file, what it was when it was read, and how many entries of kinds with rows it holds."""

    number: int
    seen: Seen
    entries: int


@dataclass(slots=True)
class Survey:
    """Fills the tally with everything that is not a row, but for what is found inside entries."""

    fields: FieldPolicy = field(repr=False)
    tally: ReadTally
    people: People = field(init=False)
    delivered: dict[str, list[Delivered]] = field(default_factory=dict, repr=False)  # registration -> oldest first

    def __post_init__(self) -> None:
        self.people = People(self.fields)

    def take(self, number: int, bundle: Bundle, seen: Seen) -> None:
        record = Record(bundle, self.fields)
        self.people.take(bundle, record, seen.as_of)
        kinds = bundle.kinds
        self.tally.not_collected.update({kind: kinds[kind] for kind in kinds if kind in self.fields.left})
        self.tally.reference_rows["Medication"] += kinds["Medication"]
        self.tally.not_collected.update(f"{_INCOMPLETE}.{each}" for each in record.completeness.warnings)
        entries = sum(kinds[kind] for kind in kinds if kind in MAPPINGS)
        theirs = self.delivered.setdefault(record.registration_id, [])
        theirs.append(Delivered(number, seen, entries))
        theirs.sort(key=lambda each: (each.seen.as_of, each.number))

    def entries_of(self, who: str) -> int:
        return sum(each.entries for each in self.delivered[who])

    def seen(self) -> Iterator[Seen]:
        return (each.seen for theirs in self.delivered.values() for each in theirs)

    def count_shared(self) -> None:
        self.tally.reference_rows.update(self.people.again)
        self.tally.reference_rows["PractitionerRole"] += self.people.roles_joined()
