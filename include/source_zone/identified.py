"""The identified tables: what an adapter yields, before anything is minimised. Never leaves the source zone.

They are the canonical tables with identifiers where tokens will stand: `record_token` is `record_id` here, and the
patient table has the NHS number, dates and postcode from which tokens and coarse values are made.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from crossing.canonical import TABLES, TOKEN_BYTES, Kind

# Columns that exist only on this side. The patient's stand in place of the coarse values made from them.
_ONLY_IDENTIFIED_PATIENT = (
    pa.field("nhs_number", pa.string()),
    pa.field("date_of_birth", pa.date32()),
    pa.field("date_of_death", pa.date32()),
    pa.field("postcode", pa.string()),
    pa.field("is_test_patient", pa.bool_()),
    # Where a supplier made tokens with our key itself, there is no number, postcode or day: the token as it is, the area
    # in place of the postcode, and the Mondays of the weeks of birth and death in place of the days.
    pa.field("ready_patient_token", pa.binary(TOKEN_BYTES)),
    pa.field("ready_lsoa_code", pa.string()),
    pa.field("dates_are_weeks", pa.bool_()),
)
_MADE_FROM_IDENTIFIED = frozenset(
    {"patient_token", "year_of_birth", "year_of_death", "month_of_death", "lsoa_code", "imd_decile"}
)
# A rule id where the adapter could not read the row; such a row is quarantined and counted, never guessed at.
FAULT = pa.field("fault", pa.string())
# Every other code of an entry, in any code system, separated by spaces: none of them travels, but a dissent or a
# restricted code may be written in any. Only for tables that have codes.
FURTHER_CODES = pa.field("further_codes", pa.string())
# The observation that a problem or referral is about, where its own id is another than the observation's: what is held
# back for what it says takes its problem along. Never travels.
EXTENDS_ID = pa.field("extends_id", pa.string())
IS_CONFIDENTIAL = pa.field("is_confidential", pa.bool_())

UNREADABLE_DATE = "unreadable_date"
UNREADABLE_NUMBER = "unreadable_number"
UNREADABLE_FLAG = "unreadable_flag"
UNKNOWN_CODE = "unknown_code"


def identified_name(column: str) -> str:
    """`record_token` -> `record_id`: the name of a token column on this side."""
    return column.removesuffix("_token") + "_id" if column.endswith("_token") else column


def schema(table: str) -> pa.Schema:
    """The Arrow schema an adapter yields for one table."""
    columns = [column for column in TABLES[table] if column.name not in _MADE_FROM_IDENTIFIED]
    shared = [
        pa.field(identified_name(column.name), pa.string() if column.kind == Kind.TOKEN else column.type)
        for column in columns
    ]
    own = list(_ONLY_IDENTIFIED_PATIENT) if table == "patient" else []
    own += [FURTHER_CODES] if any(column.name == "snomed_concept_id" for column in columns) else []
    own += [EXTENDS_ID] if table in ("problem", "referral") else []
    return pa.schema([*shared, *own, IS_CONFIDENTIAL, FAULT])


@dataclass(frozen=True, slots=True)
class IdentifiedBatch:
    """Some rows of one table. Its repr shows the table and the count only: values are identifiers."""

    table: str
    rows: pa.RecordBatch = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """One delivery of one practice: a supplier's word for "everything since the last one"."""

    extract_id: str  # safe to log: made of the supplier's timestamp or a hash, never of a patient's data
    taken_at: datetime
    files: tuple[Path, ...] = field(repr=False)
    kind: str = "delta"  # or recon, snapshot: crossing.manifest_fields.EXTRACT_KINDS
    supplier_record_count: int | None = None  # where the supplier's completeness report says it

    def fingerprint(self) -> str:
        """Changes where the files of an extract are others than before: their names or sizes."""
        facts = sorted(f"{path.name}|{path.stat().st_size}" for path in self.files)
        return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


@dataclass(slots=True)
class ReadTally:
    """What an adapter read that is not a row of a table, so that nothing read goes uncounted."""

    reference_rows: Counter[str] = field(default_factory=Counter)
    not_collected: Counter[str] = field(default_factory=Counter)
    remembered: dict[str, pa.Table] = field(default_factory=dict, repr=False)  # reference tables kept for later nights
    # The columns that tell the rows of a remembered table apart. A delivery taken late only adds rows by them; a table
    # not named here is then left as it is remembered.
    told_apart_by: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Adapter(Protocol):
    """One supplier format. Adapters only map; they never decide who or what may leave."""

    name: str

    def find_extracts(self, folder: Path) -> list[Extract]:
        """The deliveries waiting in a practice's folder, oldest first. Raises PersonMustAct where there is none."""
        ...

    def read(self, extract: Extract, tally: ReadTally) -> Iterator[IdentifiedBatch]:
        """Streams the rows of one extract: organisation, staff_role and patient first, observation before
        problem and referral. Raises PersonMustAct for a file that is cut off, changed or in another encoding."""
        ...
