"""TPP's reference tables as they stand after a night: a night brings only the lines that changed."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from source_zone.adapters.reading import flag
from source_zone.adapters.tpp_csv.words import exactly, held

ROW, REMOVED = "RowIdentifier", "RemovedData"


def is_removed() -> pl.Expr:
    return flag(REMOVED).fill_null(False)


def as_it_stands(
    earlier: pa.Table | None, parts: Iterable[pl.DataFrame], columns: tuple[str, ...], *, whole: bool
) -> pl.DataFrame:
    """The live lines of a table, each once, by its RowIdentifier. `whole`: this night's lines are all there are."""
    names = (ROW, *(name for name in columns if name != ROW))
    empty = pl.DataFrame(schema=dict.fromkeys((*names, REMOVED), pl.String))
    said = [_with_removed(part).select(*names, REMOVED) for part in parts]
    new = pl.concat([empty, *said]).unique(ROW, keep="last", maintain_order=True)
    live = new.filter(~is_removed()).select(names)
    if whole or earlier is None:
        return live
    before = pl.DataFrame(pl.from_arrow(earlier)).join(new.select(ROW), on=ROW, how="anti", maintain_order="left")
    return pl.concat([before.select(names), live])


def _with_removed(rows: pl.DataFrame) -> pl.DataFrame:
    return rows if REMOVED in rows.columns else rows.with_columns(pl.lit(None, pl.String).alias(REMOVED))


@dataclass(frozen=True, slots=True)
class Meanings:
    """What the numbers of one of TPP's lists stand for. Extracts may also be set up to hold the text itself."""

    texts: dict[str, str] = field(repr=False)

    @classmethod
    def of(cls, lines: pl.DataFrame, column: str) -> "Meanings":
        filled = lines.filter(pl.col(column).is_not_null())
        return cls(dict(zip(filled[ROW].to_list(), filled[column].to_list(), strict=True)))

    def of_cells(self, cells: pl.Series, words: dict[str, str], *, whole_words: bool = True) -> dict[str, str]:
        """For each distinct cell our word for what it stands for; nothing for the cells that say nothing."""
        how = exactly if whole_words else held
        said = [cell for cell in cells.drop_nulls().unique().to_list() if not cell.startswith("-")]
        return {cell: how(self.texts.get(cell, cell), words) for cell in said}
