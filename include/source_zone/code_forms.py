"""Forms of codes: one form to look a code up by, and the shape without which it may not leave."""

import polars as pl

from crossing.policy import CodeShape

_FIVE_BYTE_COLUMNS = frozenset({"read_v2_code", "ctv3_code", "local_code"})


def five_byte(column: str) -> pl.Expr:
    """`9Nu0`, `9Nu0.` and `9Nu0.00` are one code: five bytes, and then perhaps the number of a term (GPDPR 0.77: an7).

    SNOMED ids, which are longer, are left as they are.
    """
    code = pl.col(column).str.strip_chars()
    if column not in _FIVE_BYTE_COLUMNS:
        return code
    return code.str.slice(0, 5).str.pad_end(5, ".")


def misshapen(rows: pl.DataFrame, shapes: dict[str, CodeShape]) -> dict[str, pl.Series]:
    """For each code column, the distinct values that do not look like codes. Values are looked at once each."""
    found = {}
    for column, shape in shapes.items():
        if column in rows.columns:
            values = rows[column].drop_nulls().unique()
            fits = values.str.contains(shape.pattern)
            found[column] = values.filter(~fits if shape.never is None else ~fits | values.str.contains(shape.never))
    return found
