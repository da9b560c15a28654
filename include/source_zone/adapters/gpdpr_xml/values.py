"""The values of GPDPR 0.77 as expressions over whole columns: dates as far as they are known, instants, weeks, words."""

from collections.abc import Mapping

import polars as pl

from source_zone.adapters.reading import flag, number, whole_number

# an4 to an23: a year, a month, a day, or an instant
_DATE = r"^\d{4}(-\d{2}(-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?Z?)?)?)?$"
_FULL_DATE = r"^\d{4}-\d{2}-\d{2}(T[0-9:.]*Z?)?$"
_WEEK = r"^\d{4}-W\d{2}$"
_LONGEST_DAY_PART = 10


def day_of(column: str) -> pl.Expr:
    """The day, or the first of the month or year where no more is known. Anything else is NULL."""
    text = pl.when(pl.col(column).str.contains(_DATE)).then(pl.col(column))
    length = text.str.len_chars()
    padded = pl.when(length == 4).then(text + "-01-01").when(length == 7).then(text + "-01").otherwise(text)
    found = padded.str.slice(0, _LONGEST_DAY_PART).str.to_date("%Y-%m-%d", strict=False)
    return pl.when(found.dt.year().is_between(1, 9999)).then(found)


def full_day(column: str) -> pl.Expr:
    """A whole day only: what a rule is measured against may not be partial."""
    return pl.when(pl.col(column).str.contains(_FULL_DATE)).then(day_of(column))


def precision_of(column: str) -> pl.Expr:
    length = pl.col(column).str.len_chars()
    return (
        pl.when(day_of(column).is_null())
        .then(None)
        .when(length == 4)
        .then(pl.lit("year"))
        .when(length == 7)
        .then(pl.lit("month"))
        .otherwise(pl.lit("day"))
    )


def instant_of(column: str) -> pl.Expr:
    """Without a time there is no instant, and nobody's midnight is made up."""
    text = pl.when(pl.col(column).str.contains(_DATE) & pl.col(column).str.contains("T")).then(pl.col(column))
    plain = text.str.strip_suffix("Z")
    seconds = pl.when(plain.str.len_chars() == 16).then(plain + ":00").otherwise(plain)
    found = seconds.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
    return pl.when(found.dt.year().is_between(1, 9999)).then(found)


def week_of(column: str) -> pl.Expr:
    """The Monday of a week, written as 2019-W07 or as any day of it."""
    text = pl.col(column)
    by_number = pl.when(text.str.contains(_WEEK)).then(text + "-1").str.to_date("%G-W%V-%u", strict=False)
    return pl.coalesce(by_number, full_day(column).dt.truncate("1w"))


def word(column: str, ours: Mapping[str, str]) -> pl.Expr:
    """A supplier's word as ours. A word not mapped stays as it is; minimisation turns it into "other" and counts it."""
    return pl.col(column).str.strip_chars().str.to_lowercase().replace(dict(ours))


def course_days(duration: str, unit: str) -> pl.Expr:
    unit_word = pl.col(unit).str.strip_chars().str.to_lowercase()
    factor = (
        pl.when(unit_word.is_in(["d", "day", "days"])).then(1).when(unit_word.is_in(["wk", "week", "weeks"])).then(7)
    )
    return (number(duration) * factor).round(0).cast(pl.Int32, strict=False)


def reading_fault(
    *,
    days: tuple[str, ...] = (),
    instants: tuple[str, ...] = (),
    weeks: tuple[str, ...] = (),
    numbers: tuple[str, ...] = (),
    whole: tuple[str, ...] = (),
    flags: tuple[str, ...] = (),
) -> pl.Expr:
    """The rule a row breaks because a filled cell could not be read, or NULL."""
    dated = [_filled(each) & day_of(each).is_null() for each in (*days, *instants)]
    dated += [pl.col(each).str.contains("T") & instant_of(each).is_null() for each in instants]
    dated += [_filled(each) & week_of(each).is_null() for each in weeks]
    numbered = [_filled(each) & number(each).is_null() for each in numbers]
    numbered += [_filled(each) & whole_number(each).is_null() for each in whole]
    flagged = [_filled(each) & flag(each).is_null() for each in flags]
    rules = (("unreadable_date", dated), ("unreadable_number", numbered), ("unreadable_flag", flagged))
    return pl.coalesce(*(pl.when(pl.any_horizontal(*bad)).then(pl.lit(rule)) for rule, bad in rules if bad))


def _filled(column: str) -> pl.Expr:
    return pl.col(column).is_not_null()
