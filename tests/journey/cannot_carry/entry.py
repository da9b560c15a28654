"""One thing that a format cannot carry, and words that several formats use."""

from dataclasses import dataclass, field

import polars as pl

OF_PATIENTS = (
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral", "problem"),
)
ONLY_EMIS_LACKS_IT = "Carried; EMIS's bulk CSV is the one that lacks it."
UNDATED_REFERRALS = "A referral without a date of its own has none; EMIS's is that of the observation it is about."


@dataclass(frozen=True, slots=True)
class CannotCarry:
    """A whole table; or a column of it; or, with `which` and `rows`, some of its rows.

    `rows` is true of those rows once they are reduced to what can be compared (see formats_compared); they are left out
    on both sides. `which` says in words which they are.
    """

    format: str
    table: str
    why: str
    column: str = ""
    which: str = ""
    rows: pl.Expr | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return f"`{self.table}.{self.column}`" if self.column else f"`{self.table}`"

    @property
    def what(self) -> str:
        return f"{self.name}: {self.which}" if self.which else self.name
