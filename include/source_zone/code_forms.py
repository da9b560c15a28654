"""One form of a code, to look it up by. Read codes come with dots or without, and with a term id or without."""

import polars as pl

_FIVE_BYTE_COLUMNS = frozenset({"read_v2_code", "ctv3_code", "local_code"})


def five_byte(column: str) -> pl.Expr:
    """`9Nu0`, `9Nu0.` and `9Nu0.00` are one code: five bytes, and then perhaps the number of a term (GPDPR 0.77: an7).

    SNOMED ids, which are longer, are left as they are.
    """
    code = pl.col(column).str.strip_chars()
    if column not in _FIVE_BYTE_COLUMNS:
        return code
    return code.str.slice(0, 5).str.pad_end(5, ".")
