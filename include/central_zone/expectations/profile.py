"""What a parcel is made of, as counts of rows, and how far tonight's is from the practice's earlier ones."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from crossing.canonical import TABLES

_CODES = ("snomed_concept_id", "read_v2_code", "ctv3_code", "local_code")
_UNCODED = "none"
_OFF_THE_LIST = "not listed"
FEWEST_NIGHTS = 3  # fewer earlier nights say nothing about what is usual
_NIGHTS_OF_ALWAYS = 5  # so many must all have had a kind before its absence is a loss
_ROWS_TO_MISS = 20  # and so many rows of it must have been due tonight
_Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Profile:
    """Rows of one parcel: by table, and those of observations by type and by the code system of their first code."""

    tables: _Counts = field(default_factory=dict)
    observation_types: _Counts = field(default_factory=dict)
    code_systems: _Counts = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(self.tables.values())


def profile_of(tables: Mapping[str, pa.Table], listed: Collection[str]) -> Profile:
    """`listed`: the words that an observation's type may be. Any other could be free text, and the profile is kept and told."""
    observations = tables.get("observation")
    return Profile(
        {name: tables[name].num_rows for name in TABLES if name in tables and tables[name].num_rows},
        _types(observations, listed) if observations is not None else {},
        _systems(observations) if observations is not None else {},
    )


def _types(observations: pa.Table, listed: Collection[str]) -> dict[str, int]:
    live = observations["observation_type"].filter(pc.invert(observations["is_deleted"]))
    counts: Counter[str] = Counter()
    for each in pc.value_counts(live).to_pylist():
        word = each["values"] or _UNCODED
        counts[word if word == _UNCODED or word in listed else _OFF_THE_LIST] += each["counts"]
    return dict(counts)


def _systems(observations: pa.Table) -> dict[str, int]:
    left = pc.invert(observations["is_deleted"])
    counts = {}
    for name in _CODES:
        here = pc.and_(left, pc.is_valid(observations[name]))
        counts[name] = pc.sum(here).as_py() or 0
        left = pc.and_not(left, here)
    counts[_UNCODED] = pc.sum(left).as_py() or 0
    return {name: count for name, count in counts.items() if count}


def times_usual(now: int, before: Sequence[int], *, fewest: float) -> float | None:
    """How many times the median of earlier nights; None where that is too small, or too few, to say anything."""
    if len(before) < FEWEST_NIGHTS or median(before) < fewest:
        return None
    return now / median(before)


def lost(now: _Counts, before: Sequence[_Counts]) -> list[str] | None:
    """Kinds that every earlier night had, of which some rows were due tonight, and of which there is none. None: too few.

    How many were due follows from the smallest share that a kind ever had, so that a quiet night has lost nothing.
    """
    if len(before) < _NIGHTS_OF_ALWAYS:
        return None
    total = sum(now.values())
    always = set.intersection(*(set(counts) for counts in before))
    least = {kind: min(counts[kind] / sum(counts.values()) for counts in before) for kind in always}
    return sorted(kind for kind in always if not now.get(kind) and least[kind] * total >= _ROWS_TO_MISS)


def moved(now: _Counts, before: Sequence[_Counts], *, fewest: float) -> float | None:
    """Which share of the rows would have to be of another kind for tonight to be like the median night; 0 to 1."""
    totals = [sum(counts.values()) for counts in before]
    if len(before) < FEWEST_NIGHTS or sum(now.values()) < fewest or median(totals) < fewest:
        return None
    kinds = set(now).union(*before)
    usual = {
        kind: median(
            counts.get(kind, 0) / total if total else 0.0 for counts, total in zip(before, totals, strict=True)
        )
        for kind in kinds
    }
    whole = sum(usual.values()) or 1.0
    return sum(abs(now.get(kind, 0) / sum(now.values()) - usual[kind] / whole) for kind in kinds) / 2
