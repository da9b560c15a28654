"""The codes of a GPDPR row: its own, and every other it holds, in which an objection or a restricted code may hide."""

import polars as pl

from source_zone.adapters.gpdpr_xml.policy import Fields

UNSURE_WITHDRAWAL = "unsure_withdrawal"
_OWN = {
    "snomed_concept_id": "snomed_concept_id",
    "snomed_description_id": "snomed_description_id",
    "readv2_code": "read_v2_code",
    "ctv3_code": "ctv3_code",
    "other_code": "local_code",
}
_PREFIXES = ("value_", "reaction_", "stop_", "substance_")
_EXPRESSIONS = ("snomed_expression", "other_expession")
_NO_PART_OF_A_CODE = r"[^0-9A-Za-z.^_-]+"


def codes(*, dmd: bool) -> list[pl.Expr]:
    """A row's own codes. A medicine's concept is its dm+d product."""
    named = {**_OWN, "snomed_concept_id": "dmd_code"} if dmd else _OWN
    return [pl.col(theirs).str.strip_chars().alias(ours) for theirs, ours in named.items()]


def further_codes(rows: pl.DataFrame) -> pl.Expr:
    """All codes with a prefix, and whatever may be a code in an expression, separated by spaces. None of it travels."""
    prefixed = [prefix + name for prefix in _PREFIXES for name in _OWN if prefix + name in rows.columns]
    expressions = [
        name for prefix in ("", *_PREFIXES) for each in _EXPRESSIONS if (name := prefix + each) in rows.columns
    ]
    words = [pl.col(each) for each in prefixed]
    words += [pl.col(each).str.replace_all(_NO_PART_OF_A_CODE, " ") for each in expressions]
    joined = pl.concat_str(words, separator=" ", ignore_nulls=True).str.strip_chars()
    return pl.when(joined != "").then(joined)


def code_fault() -> pl.Expr:
    """A code of another system is understood only together with its system."""
    lonely = pl.col("other_code").is_not_null() & pl.col("other_code_system").is_null()
    return pl.when(lonely & ~_deleted()).then(pl.lit("unknown_code"))


def unsure_or_uncoded(rows: pl.DataFrame, fields: Fields, *, must_have_code: bool) -> pl.Expr:
    """A withdrawal lifts a dissent only as the entry's own code, so elsewhere it is doubtful, and stays."""
    doubtful = [cell for cell in rows["further_codes"].drop_nulls().unique().to_list() if _withdraws(cell, fields)]
    unsure = pl.when(pl.col("further_codes").is_in(doubtful)).then(pl.lit(UNSURE_WITHDRAWAL))
    if not must_have_code:
        return unsure
    uncoded = pl.all_horizontal(*(pl.col(each).is_null() for each in _OWN)) & ~_deleted()
    return pl.coalesce(unsure, pl.when(uncoded).then(pl.lit("uncoded_entry")))


def _withdraws(cell: str, fields: Fields) -> bool:
    return any(word in fields.withdrawal_codes or f"{word[:4]}." in fields.withdrawal_codes for word in cell.split())


def _deleted() -> pl.Expr:
    return pl.col("deletion_flag").str.to_lowercase().is_in(["true", "1", "yes"]).fill_null(False)
