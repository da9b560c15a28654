"""Numbers that are no measurements: they look like an identifier, or stand where their code asks for one."""

import polars as pl

from source_zone.code_forms import any_of, distinct_cells, forms

_NUMBERS = (
    "value",
    "range_low",
    "range_high",
    "quantity",
    "course_days",
    "issues_made",
    "issues_authorised",
    "planned_minutes",
    "actual_minutes",
)

# Entries that left without their numbers, since what their code asks for is an identifier; also a column of the rows kept.
IDENTIFIER_VALUED = "identifier_valued"


def without_identifying_numbers(frame: pl.DataFrame, identifier_valued: frozenset[str]) -> pl.DataFrame:
    """The answer to "telephone number?" is an identifier, whatever it looks like: five digits are as much of one as ten."""
    (asked,) = distinct_cells(frame, asked=lambda cell: bool(forms(cell) & identifier_valued))
    numbers = [column for column in _NUMBERS if column in frame.columns]
    if not numbers or not any(asked.values()):
        return frame.with_columns(pl.lit(False).alias(IDENTIFIER_VALUED))
    is_asked = any_of(asked)
    unreadable = (pl.col("fault") == "unreadable_number").fill_null(False)
    answered = pl.any_horizontal(unreadable, *(pl.col(column).is_not_null() for column in numbers))
    return frame.with_columns(
        *(pl.when(~is_asked).then(pl.col(column)).alias(column) for column in numbers),
        pl.when(~(is_asked & unreadable)).then(pl.col("fault")).alias("fault"),
        (is_asked & answered).alias(IDENTIFIER_VALUED),
    )


def holds_an_identifier(frame: pl.DataFrame) -> pl.Expr:
    """A number of ten digits, or the patient's own date of birth written as one, is no measurement."""
    numbers = [column for column in _NUMBERS if column in frame.columns]
    if not numbers:
        return pl.lit(False)
    born = pl.col("born")
    year, month, day = born.dt.year(), born.dt.month().cast(pl.Int64), born.dt.day().cast(pl.Int64)
    written = (year * 10_000 + month * 100 + day, day * 1_000_000 + month * 10_000 + year)
    found = [
        (pl.col(each).abs() >= 1e9) | (pl.col(each) == written[0]) | (pl.col(each) == written[1]) for each in numbers
    ]
    return pl.any_horizontal(*(condition.fill_null(False) for condition in found))
