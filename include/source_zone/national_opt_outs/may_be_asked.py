"""Whom to ask about: who may leave a practice as its memory says today, each as NHS number and as the token parcels carry.

Nobody else is asked about, and nobody else can get on an allow list: whoever has a type 1 opt-out is nobody's business.
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from crossing.canonical import NATIONAL_ALLOW_LIST, schema
from crossing.identifiers import canonical_nhs_number
from crossing.policy import Practice
from source_zone import identified
from source_zone.national_opt_outs.number_file import Numbers, numbers_of
from source_zone.national_opt_outs.rules import RULES
from source_zone.pseudonymise import tokens_of_people
from source_zone.release import Release, prepare
from source_zone.roster import people
from source_zone.settings import Settings
from source_zone.uphold_opt_outs import standing


@dataclass(frozen=True, slots=True)
class MayLeave:
    """One practice's people. A registration without a valid NHS number is counted: nobody can ask about it."""

    numbers: Numbers = field(repr=False)  # of each registration that has one
    tokens: pa.Array = field(repr=False)  # beside the numbers
    patients: int

    @property
    def without_number(self) -> int:
        return self.patients - len(self.numbers)

    def tokens_of(self, allowed: Numbers) -> pa.Table:
        """The rows of an allow list, each person once, in the order of the tokens, which tells nothing of anybody."""
        among: NDArray[np.bool_] = np.isin(self.numbers, allowed, kind="sort")
        tokens = self.tokens.filter(pa.array(among)).unique()
        return pa.table({"patient_token": tokens}).cast(schema(NATIONAL_ALLOW_LIST)).sort_by("patient_token")


def release_of(collection: str, practice: Practice, settings: Settings) -> Release:
    """The practice as far as it is needed here: whether its supplier's way in is open makes no difference."""
    release = prepare(collection, practice, "national", settings, folder=settings.memory)
    release.policy.note(RULES)  # a notice names the rules it was made under
    return release.under(release.memory_file().read())


def may_leave(release: Release) -> MayLeave:
    """Raises MemoryUnreadable. A practice that was never collected has nobody."""
    memory = release.memory_file().read()
    roster = pl.DataFrame(pl.from_arrow(standing(release, memory).roster))
    leaving = roster.filter(pl.col("reason").is_null()).select("registration_id")
    known = people(memory.tables.get("patients", identified.schema("patient").empty_table()))
    rows = pl.DataFrame(pl.from_arrow(known)).join(leaving, on="registration_id", how="semi", maintain_order="left")
    found = [canonical_nhs_number(each) for each in rows["nhs_number"].to_list()]
    valid = rows.filter(pl.Series([each is not None for each in found], dtype=pl.Boolean))
    tokens = tokens_of_people(valid, release.practice.practice_code, release.keys)["patient_token"]
    numbers = np.fromiter((int(each) for each in found if each), dtype=np.int64)
    return MayLeave(numbers, tokens.combine_chunks(), rows.height)


def everybody(several: list[MayLeave]) -> Numbers:
    """Each person once, whatever the number of practices that know them."""
    return np.unique(np.concatenate([numbers_of(()), *(each.numbers for each in several)]))
