"""Elements of XML made a column at a time: a row is an element, its cells attributes, empty cells left out."""

from collections.abc import Mapping

import polars as pl
import pyarrow as pa

Cells = Mapping[str, pa.Array]
_ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"))


def elements(name: str, cells: Cells) -> pl.Series:
    """One element a row."""
    frame = pl.DataFrame({attribute: pl.from_arrow(column) for attribute, column in cells.items()})
    written = [_attribute(attribute) for attribute in frame.columns]
    return frame.select(pl.concat_str(pl.lit(f"<{name}"), *written, pl.lit("/>\n")).alias("xml")).to_series()


def _attribute(name: str) -> pl.Expr:
    text = pl.col(name).fill_null("")
    escaped = text
    for plain, entity in _ESCAPES:
        escaped = escaped.str.replace_all(plain, entity, literal=True)
    return pl.when(text == "").then(pl.lit("")).otherwise(pl.concat_str(pl.lit(f' {name}="'), escaped, pl.lit('"')))
