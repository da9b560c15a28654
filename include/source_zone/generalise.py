"""Generalise: whole dates of birth become years, postcodes become areas, and words outside a closed list become "other"."""

from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from crossing.canonical import TABLES, Kind, column_names
from crossing.policy import CodeShape, Policy
from source_zone.code_forms import misshapen

OTHER = "other"
_READY_COLUMNS = {"ready_lsoa_code": pl.String, "dates_are_weeks": pl.Boolean}  # of suppliers that coarsen themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class Generalisations:
    """The closed lists and the postcode directory, as policy has them."""

    words: dict[str, frozenset[str]]
    code_shapes: dict[str, CodeShape]
    areas: pl.DataFrame = field(repr=False)  # postcode (no space, upper case), lsoa_code, imd_decile

    @classmethod
    def from_policy(cls, policy: Policy) -> "Generalisations":
        closed = {column for table in TABLES for column in column_names(table, Kind.CLOSED)}
        rows = policy.rows("codelists/postcode_lsoa.csv")
        areas = pl.DataFrame(
            {
                "postcode_key": [row["postcode"].replace(" ", "").upper() for row in rows],
                "lsoa_code": [row["lsoa_code"] for row in rows],
                "imd_decile": [int(row["imd_decile"]) for row in rows],
            },
            schema={"postcode_key": pl.String, "lsoa_code": pl.String, "imd_decile": pl.Int16},
        )
        words = {column: policy.vocabulary(column) for column in closed}
        return cls(words=words, code_shapes=policy.code_shapes(), areas=areas)


def generalise(table: str, rows: pl.DataFrame, how: Generalisations, count: Counter[str]) -> pl.DataFrame:
    """Adds to `count` how many words of each closed column were not on its list, and cells of codes that are none."""
    rows = _blank_misshapen(rows, how.code_shapes, count)
    for column in column_names(table, Kind.CLOSED):
        rows = _close(rows, column, how.words[column], count)
    return _coarsen_patient(rows, how.areas) if table == "patient" else rows


def _blank_misshapen(rows: pl.DataFrame, shapes: dict[str, CodeShape], count: Counter[str]) -> pl.DataFrame:
    for column, bad in misshapen(rows, shapes).items():
        if len(bad):
            is_bad = pl.col(column).is_in(bad.to_list()).fill_null(False)
            count[column] += int(rows.select(is_bad.sum()).item())
            rows = rows.with_columns(pl.when(~is_bad).then(pl.col(column)).alias(column))
    return rows


def _close(rows: pl.DataFrame, column: str, words: frozenset[str], count: Counter[str]) -> pl.DataFrame:
    outside = pl.col(column).is_not_null() & ~pl.col(column).is_in(list(words))
    found = int(rows.select(outside.sum()).item())
    if not found:
        return rows
    count[column] += found
    return rows.with_columns(pl.when(outside).then(pl.lit(OTHER)).otherwise(pl.col(column)).alias(column))


def _coarsen_patient(rows: pl.DataFrame, areas: pl.DataFrame) -> pl.DataFrame:
    """A postcode or area that the directory does not have (no fixed abode, abroad, mistyped) is no area."""
    absent = {name: type_ for name, type_ in _READY_COLUMNS.items() if name not in rows.columns}
    rows = rows.with_columns(pl.lit(None, type_).alias(name) for name, type_ in absent.items())
    born, died = _most_likely_day("date_of_birth"), _most_likely_day("date_of_death")
    coarse = rows.with_columns(
        born.dt.year().cast(pl.Int16).alias("year_of_birth"),
        died.dt.year().cast(pl.Int16).alias("year_of_death"),
        died.dt.month().cast(pl.Int16).alias("month_of_death"),
        pl.col("postcode").str.replace_all(" ", "").str.to_uppercase().alias("postcode_key"),
    )
    coarse = _blur_dates_that_give_others_away(coarse)
    by_postcode = coarse.join(areas, on="postcode_key", how="left", maintain_order="left")
    known = areas.select(pl.col("lsoa_code").alias("ready_lsoa_code"), pl.col("imd_decile").alias("ready_decile"))
    both = by_postcode.join(known.unique("ready_lsoa_code"), on="ready_lsoa_code", how="left", maintain_order="left")
    ready = pl.when(pl.col("ready_decile").is_not_null()).then(pl.col("ready_lsoa_code"))
    return both.with_columns(pl.coalesce("lsoa_code", ready), pl.coalesce("imd_decile", "ready_decile"))


def _most_likely_day(column: str) -> pl.Expr:
    """Of a week told by its Monday, the Thursday: the year of a week is the one most of its days are in (ISO 8601)."""
    is_week = pl.col("dates_are_weeks").fill_null(False)
    return pl.when(is_week).then(pl.col(column).dt.offset_by("3d")).otherwise(pl.col(column))


def _blur_dates_that_give_others_away(rows: pl.DataFrame) -> pl.DataFrame:
    """Babies are registered within days of birth, and a registration ends on the day of death.

    So a registration in the year of birth has no date, and one that ended in death ends on the first of its month.
    """
    year, born = pl.col("registered_date").dt.year(), pl.col("date_of_birth")
    last_day = pl.when(pl.col("dates_are_weeks").fill_null(False)).then(born.dt.offset_by("6d")).otherwise(born)
    in_year_of_birth = (year == born.dt.year()) | (year == last_day.dt.year())
    registered = pl.when(~in_year_of_birth.fill_null(True)).then(pl.col("registered_date"))
    ended, died = pl.col("registration_end_date"), pl.col("date_of_death")
    return rows.with_columns(
        registered.alias("registered_date"),
        pl.when(died.is_not_null()).then(ended.dt.truncate("1mo")).otherwise(ended).alias("registration_end_date"),
    )
