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


CANNOT_CARRY: tuple[CannotCarry, ...] = ()
