"""EMIS code tables: what a CodeId stands for. Rows of the record hold only CodeIds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from crossing.identifiers import is_nhs_number, is_snomed_id
from source_zone.adapters.reading import FileRefused
from source_zone.identified import UNKNOWN_CODE

_READ_V2 = r"^[0-9A-Za-z.]{5}(-?[0-9A-Za-z]{1,2})?$"
_CLINICAL_COLUMNS = ("CodeId", "ReadTermId", "SnomedCTConceptId", "SnomedCTDescriptionId", "NationalCode")
_ANY_SNOMED_ID = frozenset({"00", "01", "10", "11"})


@dataclass(frozen=True, slots=True)
class ClinicalCodes:
    """CodeId -> the codes it stands for, and whether one of them is really somebody's NHS number."""

    frame: pl.DataFrame = field(repr=False)

    @classmethod
    def read(cls, rows: Iterable[pl.DataFrame], earlier: pa.Table | None) -> "ClinicalCodes":
        frames = [_clinical(each) for each in rows]
        empty = _clinical(pl.DataFrame(schema=dict.fromkeys(_CLINICAL_COLUMNS, pl.String)))
        return cls(_latest(frames, earlier, empty))

    def table(self) -> pa.Table:
        return self.frame.to_arrow()

    def join(self, rows: pl.DataFrame, column: str = "CodeId") -> pl.DataFrame:
        """Adds the code columns and `code_fault`. A row without a CodeId gets neither."""
        return _join(rows, self.frame, column)


@dataclass(frozen=True, slots=True)
class DrugCodes:
    """CodeId -> dm+d product."""

    frame: pl.DataFrame = field(repr=False)

    @classmethod
    def read(cls, rows: Iterable[pl.DataFrame], earlier: pa.Table | None) -> "DrugCodes":
        frames = [_drug(each) for each in rows]
        empty = _drug(pl.DataFrame(schema=dict.fromkeys(("CodeId", "DmdProductCodeId"), pl.String)))
        return cls(_latest(frames, earlier, empty))

    def table(self) -> pa.Table:
        return self.frame.to_arrow()

    def join(self, rows: pl.DataFrame, column: str = "CodeId") -> pl.DataFrame:
        return _join(rows, self.frame, column)


def _check_not_from_a_spreadsheet(rows: pl.DataFrame, columns: tuple[str, ...]) -> None:
    """8.27E+14 was a code once. Which one cannot be told, and it may have been an objection."""
    for column in columns:
        if rows[column].str.contains(r"^[0-9](\.[0-9]+)?[Ee]\+[0-9]+$").any():
            raise FileRefused(
                f"Code table, column {column}: codes written as 8.27E+14. The file went through a spreadsheet and its "
                "codes are lost. Ask the supplier for the file as their system wrote it."
            )


def _clinical(rows: pl.DataFrame) -> pl.DataFrame:
    _check_not_from_a_spreadsheet(rows, ("SnomedCTConceptId", "SnomedCTDescriptionId", "NationalCode"))
    read_shaped = pl.col("ReadTermId").str.contains(_READ_V2)
    is_ctv3 = pl.col("ReadTermId").str.contains(r"^X[0-9A-Za-z.]{4}$")
    read_term = pl.col("ReadTermId")
    looked_at = ("ReadTermId", "SnomedCTConceptId", "SnomedCTDescriptionId", "NationalCode")
    return rows.select(
        pl.col("CodeId").alias("code_id"),
        pl.col("SnomedCTConceptId").alias("snomed_concept_id"),
        pl.col("SnomedCTDescriptionId").alias("snomed_description_id"),
        pl.when(read_shaped & ~is_ctv3).then(read_term).alias("read_v2_code"),
        pl.when(is_ctv3).then(read_term).alias("ctv3_code"),
        pl.when(~read_shaped).then(read_term).alias("local_code"),
        pl.col("NationalCode").alias("further_codes"),
        _hides_identifier(rows, looked_at).alias("code_fault"),
    )


def _drug(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(
        pl.col("CodeId").alias("code_id"),
        pl.col("DmdProductCodeId").alias("dmd_code"),
        _hides_identifier(rows, ("DmdProductCodeId",)).alias("code_fault"),
    )


def _hides_identifier(rows: pl.DataFrame, columns: tuple[str, ...]) -> pl.Expr:
    conditions = []
    for column in columns:
        values = rows[column].drop_nulls().unique().to_list()
        hiding = [each for each in values if is_nhs_number(each) and not is_snomed_id(each, partitions=_ANY_SNOMED_ID)]
        conditions.append(pl.col(column).is_in(hiding).fill_null(False))
    return pl.when(pl.any_horizontal(*conditions)).then(pl.lit("identifier_in_code"))


def _latest(frames: list[pl.DataFrame], earlier: pa.Table | None, empty: pl.DataFrame) -> pl.DataFrame:
    known = [] if earlier is None else [pl.DataFrame(pl.from_arrow(earlier))]
    every = pl.concat([empty, *known, *frames], how="vertical_relaxed")
    return every.unique("code_id", keep="last", maintain_order=True)


def _join(rows: pl.DataFrame, codes: pl.DataFrame, column: str) -> pl.DataFrame:
    joined = rows.join(
        codes.with_columns(known_code=True), left_on=column, right_on="code_id", how="left", maintain_order="left"
    )
    unknown = pl.col(column).is_not_null() & pl.col("known_code").is_null()
    return joined.with_columns(
        pl.when(unknown).then(pl.lit(UNKNOWN_CODE)).otherwise(pl.col("code_fault")).alias("code_fault")
    )
