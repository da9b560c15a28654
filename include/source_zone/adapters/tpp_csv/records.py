"""Which records of a table there are, and whose: a removal names a record only, and a full load names none.

Two numbers of eight bytes are kept for each record, nothing else. With them a removal finds its patient, and what a
full load no longer holds becomes a removal.
"""

from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

_COLUMNS = ("record", "patient")
_NONE = pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.Int64))


def numbers(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows' own number and their patient's. What is no number is NULL: such a row is nobody's record."""
    return rows.select(
        pl.col("RowIdentifier").str.strip_chars().cast(pl.Int64, strict=False).alias("record"),
        pl.col("IDPatient").str.strip_chars().cast(pl.Int64, strict=False).alias("patient"),
    )


@dataclass(slots=True)
class Records:
    """The records of one table before this extract, and what has been seen of them in it."""

    earlier: pa.Table | None = field(repr=False)
    _seen: list[pl.DataFrame] = field(default_factory=list, repr=False)
    _removed: list[pl.DataFrame] = field(default_factory=list, repr=False)

    def saw(self, rows: pl.DataFrame) -> None:
        self._seen.append(numbers(rows).filter(pl.col("record").is_not_null()))

    def removed(self, rows: pl.DataFrame) -> None:
        self._removed.append(numbers(rows))

    def removals(self, *, whole: bool) -> pl.DataFrame:
        """What this extract takes away, with whose it was where anybody ever said. `whole`: a full load."""
        said = pl.concat([_NONE, *self._removed])
        known = [each.join(said, on="record", how="semi") for each in (self._before(), *self._seen) if said.height]
        last = pl.concat([_NONE, *known]).unique("record", keep="last", maintain_order=True)
        named = said.join(last, on="record", how="left", maintain_order="left", suffix="_then")
        own = pl.when(pl.col("patient") >= 0).then(pl.col("patient"))
        found = named.select("record", pl.coalesce(own, "patient_then").alias("patient"))
        return pl.concat([found, self._gone(said)]) if whole else found

    def standing(self, *, whole: bool) -> pa.Table:
        """What is to be remembered: every record that stands. In the pieces it came in: there may be millions."""
        parts = [*self._seen]
        earlier = _NONE if whole else self._before()
        if earlier.height:
            parts.insert(0, earlier.join(pl.concat([_NONE, *self._seen]), on="record", how="anti"))
        for removed in self._removed:
            parts = [each.join(removed, on="record", how="anti") for each in parts]
        return pl.concat([_NONE, *parts], rechunk=False).to_arrow()

    def _gone(self, said: pl.DataFrame) -> pl.DataFrame:
        """Records of earlier nights that a full load neither repeats nor removes."""
        before = self._before()
        if not before.height:
            return _NONE
        here = pl.concat([said, *self._seen]).select("record")
        return before.join(here, on="record", how="anti", maintain_order="left").unique(maintain_order=True)

    def _before(self) -> pl.DataFrame:
        return _NONE if self.earlier is None else pl.DataFrame(pl.from_arrow(self.earlier)).select(_COLUMNS)
