"""The breaker on deletions: when a supplier deletes a large part of a practice at once, a person says whether it is meant.

A mass delete is how a switched-off agreement, a merger or a supplier's fault looks from here. Taking it would empty the
practice's records in the store; not taking it until somebody has asked costs a night.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
import pyarrow as pa

from crossing.errors import PersonMustAct
from source_zone.approvals import APPROVED_DELETIONS

# Below these no share means anything: a small practice's quiet night may hold little else than a few deletions.
FEWEST_PATIENTS, FEWEST_ROWS = 10, 1_000
# Suppliers delete patients of their own accord a year after they left or died, give or take a month's run.
_ROLLING_AFTER = timedelta(days=335)
_MOST_KNOWN_AGAIN = 0.9
_FACTS = ["registration_id", "registration_end_date", "date_of_death", "is_deleted"]


class TooManyDeletions(PersonMustAct):
    """A large part of what is known of a practice is deleted at once, and nobody has said that it is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """What one extract deletes, in counts."""

    by_table: Mapping[str, int]
    rows: int  # of the extract, all tables
    known_patients: int  # before the extract
    patients: int = 0  # known ones whose registration is deleted now
    rolling: int = 0  # of those, who left or died about a year ago or earlier: expected, neither error nor opt-out
    again: int = 0  # known ones who come once more, alive: after a re-bulk nearly all do

    @property
    def is_sent_again(self) -> bool:
        return self.known_patients >= FEWEST_PATIENTS and self.again >= _MOST_KNOWN_AGAIN * self.known_patients


def known_after(known: pa.Table, patients: pa.Table) -> pa.Table:
    """The last facts of everybody ever seen, as far as they are needed here. A tombstone says nothing about its patient."""
    pieces = [pl.DataFrame(pl.from_arrow(each.select(_FACTS))) for each in (known, patients)]
    live = pl.concat(pieces).filter(~pl.col("is_deleted").fill_null(False) & pl.col("registration_id").is_not_null())
    return live.unique("registration_id", keep="last", maintain_order=True).to_arrow()


def count_deletions(
    by_table: Mapping[str, int], rows: int, known: pa.Table, patients: pa.Table, *, taken_on: date
) -> Deletions:
    """`known` as from known_after; `patients` are the patient rows of this extract, of which the last line wins."""
    before = pl.DataFrame(pl.from_arrow(known)).drop("is_deleted")
    now = pl.DataFrame(pl.from_arrow(patients.select(["registration_id", "is_deleted"])))
    last = now.unique("registration_id", keep="last", maintain_order=True)
    met = before.join(last, on="registration_id", how="inner")
    gone = met.filter(pl.col("is_deleted").fill_null(False))
    long_ago = pl.min_horizontal("registration_end_date", "date_of_death") <= taken_on - _ROLLING_AFTER
    return Deletions(
        by_table={table: count for table, count in sorted(by_table.items()) if count},
        rows=rows,
        known_patients=before.height,
        patients=gone.height,
        rolling=gone.filter(long_ago).height,
        again=met.height - gone.height,
    )


def check_deletions(practice_code: str, extract_id: str, found: Deletions, largest: Mapping[str, float]) -> None:
    """Raises TooManyDeletions. Rolling deletions of patients do not count. `largest` as in the collection's policy."""
    patients, records = found.patients - found.rolling, sum(found.by_table.values())
    too_many_patients = patients >= FEWEST_PATIENTS and patients > largest["patients"] * found.known_patients
    # A full load that lacks much is a small share of its own rows, so what is known beforehand counts too.
    most = min(largest["rows"] * found.rows, largest["rows_a_patient"] * (found.known_patients or float("inf")))
    too_many_rows = records >= FEWEST_ROWS and records > most
    if not (too_many_patients or too_many_rows):
        return
    raise TooManyDeletions(
        f"{practice_code}, extract {extract_id}: deletes {patients:,} of {found.known_patients:,} patients, and "
        f"{records:,} of its {found.rows:,} rows are deletions. Rule: largest_deleted_share in the collection's file, "
        f"{largest['patients']:.0%} of patients, {largest['rows']:.0%} of rows, {largest['rows_a_patient']:g} rows a patient. "
        "Ask the practice and the supplier whether it is meant; "
        f"then either have it approved by a line in policy/{APPROVED_DELETIONS}, or have the supplier deliver again. "
        "Nothing is taken meanwhile."
    )
