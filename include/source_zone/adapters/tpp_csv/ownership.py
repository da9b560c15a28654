"""Whose row it is. An extract may hold what other organisations wrote: of that, the practice sends only its own record.

A row visible to another organisation is that organisation's extract: it is counted and left, unless it holds a dissent.
A row about a time when the patient was registered elsewhere (community services share records) is held back, unless that
was a GP practice, whose record is the present practice's now. Held back, not left: an objection in it still counts.
"""

from dataclasses import dataclass, field

import polars as pl

from source_zone.adapters.reading import flag
from source_zone.adapters.tpp_csv.kept import REMOVED

VISIBLE_TO, REGISTERED_AT = "IDOrganisationVisibleTo", "IDOrganisationRegisteredAt"
REGISTERED_ELSEWHERE, UNKNOWN_ORGANISATION = "registered_elsewhere", "unknown_organisation"
UNREADABLE_FLAG = "unreadable_flag"
# Neither a removal nor none: nobody can tell whether the row still stands.
_UNCLEAR = pl.col(REMOVED).is_not_null() & flag(REMOVED).is_null()
VISIBLE_TO_ANOTHER = "visible_to_another_organisation"


@dataclass(frozen=True, slots=True)
class Ownership:
    """The practice, and at which GP practices each of its patients was registered before."""

    practice_code: str
    earlier_practices: pl.DataFrame = field(repr=False)  # IDPatient, IDOrganisation

    def divided(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Rows of this extract, and those of other organisations' extracts."""
        another = (pl.col(VISIBLE_TO) != self.practice_code).fill_null(False)  # not where it says nothing
        theirs = rows.filter(another)
        return (rows.filter(~another), theirs) if theirs.height else (rows, theirs)

    def with_fault(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Adds `not_own`: why a row may not leave for whose it is, or NULL."""
        here = (pl.col(VISIBLE_TO) == self.practice_code) & (pl.col(REGISTERED_AT) == self.practice_code) & ~_UNCLEAR
        if rows.select(here.fill_null(False).all()).item():
            return rows.with_columns(pl.lit(None, pl.String).alias("not_own"))
        before = self.earlier_practices.unique().with_columns(pl.lit(True).alias("was_there"))
        joined = rows.join(
            before,
            left_on=["IDPatient", REGISTERED_AT],
            right_on=["IDPatient", "IDOrganisation"],
            how="left",
            maintain_order="left",
        )
        unknown = pl.col(VISIBLE_TO).is_null() | pl.col(REGISTERED_AT).is_null()
        own = (pl.col(REGISTERED_AT) == self.practice_code) | pl.col("was_there").fill_null(False)
        reason = (
            pl.when(unknown)
            .then(pl.lit(UNKNOWN_ORGANISATION))
            .when(~own)
            .then(pl.lit(REGISTERED_ELSEWHERE))
            .when(_UNCLEAR)
            .then(pl.lit(UNREADABLE_FLAG))
        )
        return joined.with_columns(reason.alias("not_own")).drop("was_there")
