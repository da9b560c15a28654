"""Forms of codes: all the ways one code is written, and the shape without which it may not leave."""

import re
from collections.abc import Callable

import polars as pl

from crossing.identifiers import is_snomed_id
from crossing.policy import CodeShape

# Everything an entry may say its code in. `further_codes` never travels; it is here so that nothing hides in it.
EVERY_CODE_COLUMN = (
    "snomed_concept_id",
    "snomed_description_id",
    "read_v2_code",
    "ctv3_code",
    "local_code",
    "dmd_code",
    "further_codes",
)
_PARTITIONS = {
    "snomed_concept_id": frozenset({"00", "10"}),
    "dmd_code": frozenset({"00", "10"}),
    "snomed_description_id": frozenset({"01", "11"}),
}
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\ufeff\u00ad"))
_READ = re.compile(r"^[0-9A-Za-z]{4}[0-9A-Za-z.]?")


def forms(cell: str) -> set[str]:
    """Every code a cell may be read as: `9Nu0`, `9Nu0.`, `9Nu0.00` and `9Nu0-1` are one (GPDPR 0.77: an7).

    Suppliers pad, number the term, or let a spreadsheet add zeros; and a child of a Read code begins with it.
    """
    found = set()
    for word in cell.translate(_INVISIBLE).split():
        plain = re.sub(r"\.0+$", "", word).lstrip("0") if word[:1].isdigit() and len(word) > 7 else word
        found |= {word, plain}
        stem = word.split("-")[0].rstrip(".")
        if 4 <= len(stem) <= 7 and not stem.isdigit() and _READ.match(stem):
            found |= {stem[:5].ljust(5, "."), stem[:4] + "."}
    return found


def distinct_cells(rows: pl.DataFrame, **is_meant: Callable[[str], bool]) -> list[dict[str, list[str]]]:
    """For each question, and each code column, the distinct cells it holds of. Each distinct cell is looked at once."""
    found: list[dict[str, list[str]]] = [{} for _ in is_meant]
    for column in EVERY_CODE_COLUMN:
        if column in rows.columns:
            cells = rows[column].drop_nulls().unique().to_list()
            for answer, holds in zip(found, is_meant.values(), strict=True):
                answer[column] = [cell for cell in cells if holds(cell)]
    return found


def any_of(cells: dict[str, list[str]]) -> pl.Expr:
    """True where any code column holds one of its cells."""
    conditions = [pl.col(column).is_in(values).fill_null(False) for column, values in cells.items() if values]
    return pl.any_horizontal(*conditions) if conditions else pl.lit(False)


def misshapen(rows: pl.DataFrame, shapes: dict[str, CodeShape]) -> dict[str, pl.Series]:
    """For each code column, the distinct values that do not look like codes, or have a wrong check digit."""
    found = {}
    for column, shape in shapes.items():
        if column in rows.columns:
            values = rows[column].drop_nulls().unique()
            found[column] = pl.Series(
                [each for each in values.to_list() if not _fits(each, shape, column)], dtype=pl.String
            )
    return found


def _fits(value: str, shape: CodeShape, column: str) -> bool:
    if not re.search(shape.pattern, value) or (shape.never and re.search(shape.never, value)):
        return False
    return column not in _PARTITIONS or is_snomed_id(value, partitions=_PARTITIONS[column])
