"""Whom to ask about: who may leave a practice as its memory says today, each as NHS number and as the token parcels carry.

Nobody else is asked about, and nobody else can get on an allow list: whoever has a type 1 opt-out is nobody's business.
"""

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from crossing.identifiers import canonical_nhs_number
from source_zone.identified import schema
from source_zone.national_opt_outs.number_file import Numbers, numbers_of
from source_zone.objections import CONSENTS
from source_zone.opt_outs import latest_entries
from source_zone.pseudonymise import person_tokens
from source_zone.release import Release
from source_zone.roster import decide, people
from source_zone.versions import in_order, known_by


@dataclass(frozen=True, slots=True)
class MayLeave:
    """One practice's people. A registration without a valid NHS number is counted: nobody can ask about it."""

    numbers: Numbers = field(repr=False)  # of each registration with one, in their order
    tokens: pa.Array = field(repr=False)  # beside the numbers
    patients: int
    without_number: int

    def tokens_of(self, allowed: Numbers) -> pa.Table:
        """The rows of an allow list: of those allowed, each once."""
        among: NDArray[np.bool_] = np.isin(self.numbers, allowed, kind="sort")
        tokens = self.tokens.filter(pa.array(among)).drop_null().unique()
        return pa.table({"patient_token": tokens}).sort_by("patient_token")


def may_leave(release: Release, today: date) -> MayLeave:
    """Raises MemoryUnreadable. A practice that was never collected has nobody."""
    tables = release.memory_file().read().tables
    nobody = schema("patient").empty_table()  # an older memory may lack a newer column
    patients = people(in_order(nobody, tables.get("patients", nobody)))
    consents = known_by(in_order(CONSENTS.empty_table(), tables.get("consents", CONSENTS.empty_table())))
    roster = decide(
        release.rules, patients, latest_entries(CONSENTS.empty_table(), consents.cast(CONSENTS)), as_of=today
    )
    leaving = pl.DataFrame(pl.from_arrow(roster)).filter(pl.col("reason").is_null()).select("registration_id")
    rows = pl.DataFrame(pl.from_arrow(patients)).join(leaving, on="registration_id", how="semi", maintain_order="left")
    found = [canonical_nhs_number(each) for each in rows["nhs_number"].to_list()]
    valid = pl.Series([each is not None for each in found], dtype=pl.Boolean)
    tokens = person_tokens(rows.filter(valid), pl.lit(True), release.keys)
    numbers = np.fromiter((int(each) for each in found if each), dtype=np.int64)
    return MayLeave(numbers, tokens, rows.height, rows.height - len(numbers))


def everybody(several: list[MayLeave]) -> Numbers:
    """Each person once, whatever the number of practices that know them."""
    return np.unique(np.concatenate([numbers_of(()), *(each.numbers for each in several)]))
