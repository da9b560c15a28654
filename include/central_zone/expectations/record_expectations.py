"""Great Expectations of our own about what stands beside a row: its patient, its parcel, other rows, the lists of policy.

The columns with a point in their names are made in beside.py.
"""

from typing import Any, ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from central_zone.expectations.failing_rows import FailingRows, NoFailingRows
from central_zone.expectations.frames import arrow_column
from central_zone.expectations.measurements import Finding
from central_zone.expectations.together import seen_before

_DECEMBER = 12
_FIRST_DAYS = np.arange("0000", "3000", dtype="datetime64[Y]").astype("datetime64[s]")
_FIRST_DAYS[0] = np.datetime64("NaT")
_LATE = pd.Timestamp("2262-01-01")  # beyond it a date is another rule's business


class _RowsAllEmpty(FailingRows):
    metric_name = "gp_collect.rows_all_empty"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        live = ~_flag(frame, "is_deleted", unknown=False)
        return [np.logical_and.reduce([live, *(frame[name].isna().to_numpy() for name in columns)])]


class ExpectAnyFilled(NoFailingRows):
    """A row that does not say "deleted" has something in one of the columns at least."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsAllEmpty.metric_name,)


class _RowsHalfFilled(FailingRows):
    metric_name = "gp_collect.rows_half_filled"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        first, second = columns
        return [frame[first].notna() & frame[second].isna()]


class ExpectFilledBeside(NoFailingRows):
    """Where the first column has something, the second has too."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsHalfFilled.metric_name,)


class _RowsToldOtherwise(FailingRows):
    metric_name = "gp_collect.rows_told_otherwise"
    value_keys = ("columns", "told")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], told: bool) -> list[Any]:
        live = ~_flag(frame, "is_deleted", unknown=False)
        return [live & (_flag(frame, name, unknown=told) != told) for name in columns]


class ExpectTold(NoFailingRows):
    """Every flag of a live row says what it should, or nothing."""

    told: bool

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsToldOtherwise.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "told")


class _RowsBesideThoseWords(FailingRows):
    metric_name = "gp_collect.rows_beside_those_words"
    value_keys = ("columns", "words")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], words: list[str]) -> list[Any]:
        code, word = columns
        column = arrow_column(frame, word)
        return [frame[code].notna().to_numpy() & pc.is_in(column, value_set=pa.array(words, column.type)).to_numpy()]


class ExpectCodeNotBeside(NoFailingRows):
    """No code of the first column's list stands beside one of the words in the second column."""

    words: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsBesideThoseWords.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "words")


class _RowsBeforeYear(FailingRows):
    metric_name = "gp_collect.rows_before_year"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        day, year = columns
        return [frame[day].to_numpy() < _first_day(frame[year])]


class ExpectNotBeforeYear(NoFailingRows):
    """No date of the first column is before the year in the second."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsBeforeYear.metric_name,)


class _RowsAfterMonth(FailingRows):
    metric_name = "gp_collect.rows_after_month"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        day, year, month = columns
        (told,) = np.nonzero(frame[year].notna().to_numpy())  # of most rows nobody has died
        rows = frame[columns].iloc[told]
        last = rows[month].fillna(_DECEMBER).to_numpy() - 1 + (rows[year].to_numpy() - 1970) * 12
        after = np.zeros(len(frame), bool)
        after[told] = _months(rows[day]) > last
        return [after]


class ExpectNotAfterMonth(NoFailingRows):
    """No date of the first column is after the month that the other two give: a year, and a month or none."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsAfterMonth.metric_name,)


class _RowsAgain(FailingRows):
    metric_name = "gp_collect.rows_again"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        told = np.logical_and.reduce([~_flag(frame, "is_deleted", unknown=True), frame[columns[1]].notna().to_numpy()])
        rows = pl.DataFrame({name: _polars(frame, name) for name in columns})
        rows = rows if told.all() else rows.filter(pl.Series(told))
        again = np.zeros(len(frame), bool)
        again[told] = seen_before(rows.hash_rows().to_numpy())
        return [again]


class ExpectNoneAgain(NoFailingRows):
    """No two live rows are the same in all of the columns. Rows whose second column is empty are not looked at."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsAgain.metric_name,)


class _RowsOfSeveralCategories(FailingRows):
    metric_name = "gp_collect.rows_of_several_categories"
    value_keys = ("columns",)

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str]) -> list[Any]:
        group, category = columns
        (coded,) = np.nonzero(frame[category].notna().to_numpy())
        rows = frame.iloc[coded]
        several = rows.groupby(group)[category].transform("nunique").to_numpy() > 1
        marked = np.zeros(len(frame), bool)
        marked[coded[several]] = True
        return [marked]


class ExpectOneCategoryEach(NoFailingRows):
    """The codes of one patient that are on the second column's list are all of one category."""

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsOfSeveralCategories.metric_name,)


class _RowsThatOverlap(FailingRows):
    metric_name = "gp_collect.rows_that_overlap"
    value_keys = ("columns", "words")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], words: list[str]) -> list[Any]:
        group, word, begins, ends = columns
        kind = arrow_column(frame, word)
        told = pc.is_in(kind, value_set=pa.array(words, kind.type)).to_numpy() & (frame[group] != 0).to_numpy()
        told &= frame[begins].notna().to_numpy()
        rows = frame.loc[told, [group, begins, ends]].sort_values([group, begins], kind="stable")
        until = rows[ends].fillna(_LATE).astype(rows[begins].dtype).groupby(rows[group]).cummax().shift()
        over = (rows[group] == rows[group].shift()) & (rows[begins] < until)
        marked = np.zeros(len(frame), bool)
        marked[rows.index[over]] = True
        return [marked]


class ExpectNoOverlap(NoFailingRows):
    """No two spans of one group, of the kinds given, have a day in common. The later one fails."""

    words: list[str]

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsThatOverlap.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "words")


class _RowsFound(FailingRows):
    metric_name = "gp_collect.rows_found"
    value_keys = ("columns", "finding")

    @staticmethod
    def masks(frame: pd.DataFrame, columns: list[str], finding: str) -> list[Any]:
        return [frame[name] == Finding[finding.upper()] for name in columns]


class ExpectNotFound(NoFailingRows):
    """No value has the finding, one of those of measurements.py."""

    finding: str

    metric_dependencies: ClassVar[tuple[str, ...]] = (_RowsFound.metric_name,)
    success_keys: ClassVar[tuple[str, ...]] = ("columns", "finding")


def _flag(frame: pd.DataFrame, name: str, *, unknown: bool) -> np.ndarray:
    flags: np.ndarray = pc.fill_null(arrow_column(frame, name), unknown).to_numpy()
    return flags


def _polars(frame: pd.DataFrame, name: str) -> pl.Series:
    series = frame[name]
    return pl.Series(arrow_column(frame, name) if isinstance(series.dtype, pd.ArrowDtype) else series.to_numpy())


def _first_day(years: pd.Series) -> np.ndarray:
    """Of each year, looked up, which is five times as quick as reckoned; NaT where there is no year."""
    places = years.fillna(0).to_numpy().astype(np.int64)
    first: np.ndarray = _FIRST_DAYS.take(places, mode="clip")
    return first


def _months(days: pd.Series) -> np.ndarray:
    """Months since January 1970, NaN where there is no date."""
    months = days.to_numpy().astype("datetime64[M]")
    return np.where(np.isnat(months), np.nan, months.astype(np.int64))
