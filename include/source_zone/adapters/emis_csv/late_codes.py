"""Entries whose code had not arrived: kept at the source, and read again when the code table knows it.

EMIS at times sends codes after the entries that use them. Until then such an entry is quarantined as `unknown_code`;
from the night its code arrives it is read like any other, and if it was a dissent, it counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from source_zone.adapters.reading import flag, guid
from source_zone.identified import UNKNOWN_CODE


def remembered_as(table: str) -> str:
    """Observations had this memory first, before the other tables had any."""
    return "uncoded_rows" if table == "CareRecord_Observation" else f"uncoded_rows_{table}"


@dataclass(slots=True)
class LateCodes:
    """The rows of one table that wait, as text in EMIS's own columns."""

    record: str  # the column of the record's id
    code: str  # the column of its code
    _waiting: pl.DataFrame = field(default_factory=pl.DataFrame, repr=False)

    @classmethod
    def of(cls, table: str, record: str, code: str, earlier: Mapping[str, pa.Table]) -> "LateCodes":
        kept = earlier.get(remembered_as(table))
        if kept is None or not kept.num_rows:
            return cls(record, code)
        waiting = pl.DataFrame(pl.from_arrow(kept))  # an older version of this software kept ids as they came
        return cls(record, code, waiting.with_columns(guid(name) for name in waiting.columns if name.endswith("Guid")))

    def now_known(self, code_ids: pl.Series) -> pl.DataFrame:
        """Of the rows kept from earlier extracts, those whose code has come. The others go on waiting."""
        if not self._waiting.height:
            return self._waiting
        known = self._waiting[self.code].is_in(code_ids.implode())
        found, self._waiting = self._waiting.filter(known), self._waiting.filter(~known)
        return found

    def look_at(self, coded: pl.DataFrame) -> None:
        """Whatever comes of a record ends the waiting of its older version: a sound amendment, or its deletion."""
        self.end(coded[self.record])
        unknown = (coded["code_fault"] == UNKNOWN_CODE).fill_null(False)
        if unknown.any():
            same = coded.filter(pl.col(self.record).is_in(coded[self.record].filter(unknown).implode()))
            last = same.unique(self.record, keep="last", maintain_order=True)
            deleted = flag("Deleted").fill_null(False) if "Deleted" in last.columns else pl.lit(False)
            still = (pl.col("code_fault") == UNKNOWN_CODE) & ~deleted
            own = [name for name in coded.columns if name[0].isupper()]
            self._waiting = pl.concat([self._waiting, last.filter(still).select(own)], how="diagonal_relaxed")

    def end(self, records: pl.Series) -> None:
        """These records wait no longer, whatever their code was going to be."""
        if self._waiting.height:
            waiting = self._waiting[self.record]
            ended = records.filter(records.is_in(waiting.implode()))
            self._waiting = self._waiting.filter(~waiting.is_in(ended.implode()))

    def still_waiting(self) -> pa.Table:
        return self._waiting.to_arrow() if self._waiting.width else pa.table({self.record: pa.array([], pa.string())})
