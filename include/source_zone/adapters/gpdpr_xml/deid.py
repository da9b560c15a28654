"""What the `*_deid` attributes of a practice hold: clear values, to be tokenised here, or tokens made with our key already.

Policy says which, practice by practice. Whatever does not look as policy says stops the practice: a clear value taken for
a token would travel, and a stranger's token taken for ours would join nobody, or the wrong person.
"""

import re
from dataclasses import dataclass

import polars as pl

from crossing.errors import PersonMustAct
from crossing.identifiers import canonical_nhs_number
from crossing.policy import Policy

PRACTICES = "gpdpr_xml_practices.csv"
CLEAR, TOKENISED = "clear", "tokenised"
DEID_COLUMNS = ("patient_id_deid", "local_id_deid", "postcode_deid", "date_of_death_deid", "date_of_birth_deid")
_INSTANT = r"\A\d{4}-\d{2}-\d{2}T[0-9:.]{5,15}Z?\z"  # a day written with its midnight is as clear as one without
# No token, but a number filled up to the length of one.
_PADDED = "|".join(f"{digit}{{12}}" for digit in "0123456789abcdef")
_NOT_CLEAR = r"[0-9A-Fa-f]{16}|:"  # a run of digits, or a version before one


class DeidNotAgreed(PersonMustAct):
    """What a supplier's `*_deid` attributes hold is not in policy, or is not what policy says."""


@dataclass(frozen=True, slots=True)
class Deid:
    """One practice's agreement. `prefix` stands before the digits of each token; None where values are clear."""

    practice_code: str
    prefix: str | None

    @property
    def is_clear(self) -> bool:
        return self.prefix is None

    def check(self, rows: pl.DataFrame) -> None:
        """Raises DeidNotAgreed, naming the attribute and how many of its values are not as agreed."""
        for column in DEID_COLUMNS:
            if column in rows.columns:
                unlike = int(rows.select(self._unlike(column).fill_null(False).sum()).item())
                if unlike:
                    agreed = "clear values" if self.is_clear else "tokens of this run's key version"
                    raise DeidNotAgreed(
                        f"{self.practice_code}: {unlike} values of {column} are not {agreed}, which policy/{PRACTICES} says they are. "
                        "Ask the supplier how they are made; correct the row or have them sent again."
                    )

    def _unlike(self, column: str) -> pl.Expr:
        if self.prefix is None:
            return pl.col(column).str.contains(_NOT_CLEAR) & ~pl.col(column).str.contains(_INSTANT)
        is_one = pl.col(column).str.contains(rf"\A{re.escape(self.prefix)}[0-9a-f]{{32}}\z")
        return ~is_one | pl.col(column).str.contains(_PADDED)

    def person_key(self, column: str) -> pl.Expr:
        """What is the same for the same person wherever it stands: ten digits, or the token. NULL where it says nothing."""
        if self.prefix is None:
            return pl.col(column).map_elements(canonical_nhs_number, return_dtype=pl.String)
        return pl.col(column)

    def ready_token(self, column: str) -> pl.Expr:
        """The token in sixteen bytes, where it was made by the supplier."""
        if self.prefix is None:
            return pl.lit(None, pl.Binary)
        return pl.col(column).str.slice(len(self.prefix)).str.decode("hex")


def read_deid(policy: Policy, practice_code: str, token_key_name: str) -> Deid:
    """Raises DeidNotAgreed for a practice that policy does not settle, or settles for another key than the run's."""
    rows = [row for row in policy.rows(PRACTICES) if row["practice_code"] == practice_code]
    where = f"{practice_code}: policy/{PRACTICES}"
    if len(rows) != 1:
        raise DeidNotAgreed(f"{where} has {len(rows)} rows for it, and must have one. Have its row reviewed and added.")
    row = rows[0]
    if row["deid"] not in (CLEAR, TOKENISED) or not row["reviewed_by"] or row["supplier_holds_back_marked"] != "yes":
        raise DeidNotAgreed(
            f"{where} does not say {CLEAR} or {TOKENISED}, who reviewed it, or that the supplier holds back what is marked. "
            "Have the row completed; nothing is taken on a guess."
        )
    if row["deid"] == CLEAR:
        return Deid(practice_code, None)
    if row["key_version"] != token_key_name:
        raise DeidNotAgreed(
            f"{where} names another key version than this run's, {token_key_name}. "
            "Give the supplier the new version, or run under the old one; tokens of two versions never meet."
        )
    return Deid(practice_code, f"{token_key_name}:")
