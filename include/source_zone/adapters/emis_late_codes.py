"""Observations whose code had not arrived: kept at the source, and read again when the code table knows it.

EMIS at times sends codes after the entries that use them. Until then such an entry is quarantined as `unknown_code`;
from the night its code arrives it is read like any other, and if it was a dissent, it counts.
"""

from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from source_zone.adapters.emis_codes import ClinicalCodes
from source_zone.adapters.reading import flag

UNCODED_ROWS = "uncoded_rows"
_TABLE = "CareRecord_Observation"


@dataclass(slots=True)
class LateCodes:
    """The rows that wait, as text in EMIS's own columns."""

    earlier: pa.Table | None = field(repr=False)
    _waiting: list[pl.DataFrame] = field(default_factory=list, repr=False)

    def now_known(self, codes: ClinicalCodes) -> pl.DataFrame:
        """Of the rows kept from earlier extracts, those whose code has come. The others go on waiting."""
        if self.earlier is None or not self.earlier.num_rows:
            return pl.DataFrame()
        kept = pl.DataFrame(pl.from_arrow(self.earlier))
        known = pl.col("CodeId").is_in(codes.frame["code_id"].to_list())
        self._waiting.append(kept.filter(~known))
        return kept.filter(known)

    def look_at(self, table: str, rows: pl.DataFrame, codes: ClinicalCodes) -> None:
        if table == _TABLE:
            known = pl.col("CodeId").is_in(codes.frame["code_id"].to_list())
            self._waiting.append(rows.filter(~known & ~flag("Deleted").fill_null(False)))

    def still_waiting(self) -> pa.Table:
        filled = [each for each in self._waiting if each.height]
        if not filled:
            return pa.table({"CodeId": pa.array([], pa.string())})
        return pl.concat(filled).unique("ObservationGuid", keep="last", maintain_order=True).to_arrow()
