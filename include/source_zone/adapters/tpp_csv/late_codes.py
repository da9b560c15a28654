"""Rows whose code the dictionary did not have: kept at the source, and read again when it does.

TPP sends its dictionary as it changes, like everything else. Until a code arrives, an entry with it is quarantined as
`unknown_code`; from the night it does, the entry is read like any other, and if it was an objection, it counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from source_zone.identified import UNKNOWN_CODE


@dataclass(slots=True)
class LateCodes:
    """The rows of one table that wait, as text in TPP's own columns."""

    earlier: pa.Table | None = field(repr=False)
    columns: tuple[str, ...]
    _waiting: list[pl.DataFrame] = field(default_factory=list, repr=False)

    def now_known(self, mapped: Callable[[pl.DataFrame], pl.DataFrame]) -> pl.DataFrame | None:
        """Those whose code has come, mapped. The others go on waiting."""
        if self.earlier is None or not self.earlier.num_rows:
            return None
        kept = pl.DataFrame(pl.from_arrow(self.earlier))
        kept = kept.with_columns(
            pl.lit(None, pl.String).alias(each) for each in self.columns if each not in kept.columns
        )
        told = mapped(kept)
        waits = _waits(told)
        self._waiting.append(kept.filter(waits).select(self.columns))
        return told.filter(~waits)

    def look_at(self, rows: pl.DataFrame, told: pl.DataFrame) -> None:
        self.forget(rows)
        waits = _waits(told)
        if waits.any():
            self._waiting.append(rows.filter(waits).select(self.columns))

    def forget(self, rows: pl.DataFrame) -> None:
        """These records came again, or were removed: what waited of them is out of date."""
        numbers = rows.select("RowIdentifier")
        self._waiting = [each.join(numbers, on="RowIdentifier", how="anti") for each in self._waiting if each.height]

    def still_waiting(self) -> pa.Table:
        empty = pl.DataFrame(schema=dict.fromkeys(self.columns, pl.String))
        return pl.concat([empty, *self._waiting]).unique("RowIdentifier", keep="last", maintain_order=True).to_arrow()


def _waits(told: pl.DataFrame) -> pl.Series:
    return told.select((pl.col("code_fault") == UNKNOWN_CODE).fill_null(False)).to_series()
