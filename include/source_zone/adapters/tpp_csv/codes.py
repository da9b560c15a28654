"""TPP's dictionary of CTV3 codes, and what each maps to in SNOMED CT and Read v2.

Rows hold their codes themselves; the dictionary tells which codes there are, and under what other names an objection
or a restricted code may stand. CTV3 is case-sensitive: nothing here changes a letter.
"""

from dataclasses import dataclass, field

import polars as pl

from source_zone.adapters.reading import FileRefused
from source_zone.adapters.tpp_csv.reading import something
from source_zone.identified import UNKNOWN_CODE

_CTV3, _KNOWN = "ctv3", "is_in_dictionary"
_OWN = "Y"  # codes of TPP's own and of practices begin with it
CODE_COLUMNS = ("snomed_concept_id", "ctv3_code", "local_code", "further_codes")


@dataclass(frozen=True, slots=True)
class Ctv3Codes:
    """Each code of the dictionary: the one SNOMED concept it maps to, and everything it maps to."""

    frame: pl.DataFrame = field(repr=False)  # ctv3, mapped_snomed, further_codes, is_in_dictionary

    @classmethod
    def of(cls, dictionary: pl.DataFrame, to_snomed: pl.DataFrame, to_version2: pl.DataFrame) -> "Ctv3Codes":
        """Raises FileRefused for a map that went through a spreadsheet."""
        _check_not_from_a_spreadsheet("SRCtv3ToSnomed", to_snomed["SnomedCode"])
        snomed = _mapped(to_snomed, "SnomedCode").with_columns(
            pl.when(pl.col("many") == 1).then(pl.col("codes")).alias("mapped_snomed"),
        )
        read_v2 = _mapped(to_version2, "Version2Code")
        known = dictionary.select(pl.col("Ctv3Code").alias(_CTV3)).drop_nulls().unique()
        joined = known.join(snomed, on=_CTV3, how="left").join(read_v2, on=_CTV3, how="left", suffix="_v2")
        further = pl.concat_str("codes", "codes_v2", separator=" ", ignore_nulls=True)
        return cls(
            joined.select(
                _CTV3,
                "mapped_snomed",
                pl.when(further != "").then(further).alias("further_codes"),
                pl.lit(True).alias(_KNOWN),
            )
        )

    def join(self, rows: pl.DataFrame, ctv3: str, snomed: str | None, file: str) -> pl.DataFrame:
        """Adds the code columns and `code_fault`. Raises FileRefused for codes that went through a spreadsheet."""
        in_use = rows.select(pl.col(ctv3).alias(_CTV3)).unique().join(self.frame, on=_CTV3, how="left")
        joined = rows.join(in_use, left_on=ctv3, right_on=_CTV3, how="left", maintain_order="left")
        if snomed is not None:
            _check_not_from_a_spreadsheet(file, joined[snomed])
        own_snomed = pl.lit(None, pl.String) if snomed is None else something(snomed)
        is_own = pl.col(ctv3).str.starts_with(_OWN)
        return joined.with_columns(
            pl.coalesce(own_snomed, "mapped_snomed").alias("snomed_concept_id"),
            pl.when(~is_own).then(pl.col(ctv3)).alias("ctv3_code"),
            pl.when(is_own).then(pl.col(ctv3)).alias("local_code"),
            pl.when(pl.col(ctv3).is_not_null() & pl.col(_KNOWN).is_null())
            .then(pl.lit(UNKNOWN_CODE))
            .alias("code_fault"),
        )

    def knows(self, column: str) -> pl.Expr:
        return pl.col(column).is_in(self.frame[_CTV3].to_list())


def _mapped(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """For each CTV3 code everything it maps to, in one text, and how much that is."""
    filled = rows.select(pl.col("Ctv3Code").alias(_CTV3), something(column).alias("codes")).drop_nulls().unique()
    return filled.group_by(_CTV3).agg(pl.col("codes").sort().str.join(" "), pl.len().alias("many"))


def _check_not_from_a_spreadsheet(file: str, codes: pl.Series) -> None:
    """8.27E+14 was a code once. Which one cannot be told, and it may have been an objection."""
    if codes.str.contains("E+", literal=True).any():
        raise FileRefused(
            f"{file}: codes written as 8.27E+14. The file went through a spreadsheet and its codes are lost. "
            "Ask the supplier for the file as their system wrote it."
        )
