"""What the formats cannot carry, or carry otherwise than EMIS's bulk CSV, which is the measure of all of them.

docs/formats.md shows this table; tests hold the two together, and fail on an entry that is not needed any more.
"""

from dataclasses import dataclass, field

import polars as pl


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
    def what(self) -> str:
        """In the words of the docs."""
        if self.which:
            return f"`{self.table}`: {self.which}"
        return f"`{self.table}.{self.column}`" if self.column else f"`{self.table}`"


_GPDPR = "gpdpr_xml"
_NO_ATTRIBUTE = "The schema has no attribute for it."

_GPDPR_XML = (
    CannotCarry(_GPDPR, "encounter", _NO_ATTRIBUTE, "is_complete"),
    CannotCarry(
        _GPDPR,
        "observation",
        "One table for all; the schema does not say of which kind an entry is.",
        "observation_type",
    ),
    CannotCarry(_GPDPR, "recall", _NO_ATTRIBUTE, "is_active"),
    CannotCarry(_GPDPR, "recall", _NO_ATTRIBUTE, "is_complete"),
    CannotCarry(_GPDPR, "medication", _NO_ATTRIBUTE, "issues_made"),
    CannotCarry(_GPDPR, "referral", _NO_ATTRIBUTE, "mode"),
    CannotCarry(
        _GPDPR, "referral", "`source` is not an organisation's id; it can name a person.", "source_organisation_token"
    ),
    CannotCarry(_GPDPR, "problem", _NO_ATTRIBUTE, "last_review_date"),
    CannotCarry(_GPDPR, "appointment", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(
        _GPDPR,
        "appointment",
        "An appointment names its patient by NHS number only.",
        which="those of patients without a valid NHS number",
        rows=pl.col("person") == "no NHS number",
    ),
    CannotCarry(
        _GPDPR,
        "encounter",
        "They lead to an appointment that could not be carried.",
        which="those of such patients that had an appointment",
        rows=(pl.col("person") == "no NHS number") & pl.col("appointment_token").is_not_null(),
    ),
    CannotCarry(_GPDPR, "organisation", _NO_ATTRIBUTE, "open_date"),
)

CANNOT_CARRY: tuple[CannotCarry, ...] = (*_GPDPR_XML,)
