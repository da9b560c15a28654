"""Facts about a parcel as a whole, for the rules that hold one: counts and shares, no values.

A fact that cannot be told is NaN: no rule fails by it, and its result says that nothing was seen.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from central_zone.expectations.profile import FEWEST_NIGHTS, Profile, lost, moved, profile_of, times_usual
from crossing.canonical import is_event

_CODES = ("snomed_concept_id", "read_v2_code", "ctv3_code", "local_code")
# Below this a share says nothing: a night's changes of a small practice may all lack a date.
FEWEST_ROWS_FOR_A_SHARE = 200
_MANY_PATIENTS = 100
_NEVER_EMPTY_BESIDE_MANY_PATIENTS = ("encounter", "observation", "medication")
OF_RULES = "share_broken."
Shares = Mapping[str, tuple[int, int]]  # rule id -> rows that failed, rows seen
_Kinds = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What policy/expectations/parcel.toml may name, and which tables or kinds some of it is about."""

    numbers: dict[str, float]
    profile: Profile
    kinds: _Kinds = field(default_factory=dict)

    def where(self, name: str) -> str:
        return f" ({', '.join(self.kinds[name])})" if self.kinds.get(name) else ""


def facts_frame(facts: list[dict[str, float]]) -> pd.DataFrame:
    """One row a parcel, one column a fact."""
    return pd.DataFrame(facts, dtype="float64")


def facts_of(
    tables: Mapping[str, pa.Table],
    *,
    observation_types: Collection[str],
    earlier: Sequence[Profile] = (),
    shares: Shares | None = None,
) -> Facts:
    """The facts of one parcel. `earlier`: its practice's earlier nights; `shares`: how its rows fared."""
    profile = profile_of(tables, observation_types)
    volume, furthest = _volume(profile, earlier)
    kinds, missing = _kinds(profile, earlier)
    numbers = {
        **volume,
        **kinds,
        "observation_uncoded_share": _uncoded_share(tables.get("observation")),
        "undated_share": _undated_share(tables),
        "empty_core_tables_beside_many_patients": float(_empty_core_tables(tables)),
        "deleted_share": _deleted_share(tables),
        **{f"{OF_RULES}{rule}": _told_share(*counts) for rule, counts in (shares or {}).items()},
    }
    return Facts(numbers, profile, {**furthest, **missing})


def _volume(now: Profile, earlier: Sequence[Profile]) -> tuple[dict[str, float], _Kinds]:
    few = FEWEST_ROWS_FOR_A_SHARE
    of_tables = {
        table: times_usual(now.tables.get(table, 0), [night.tables.get(table, 0) for night in earlier], fewest=few)
        for table in sorted(set().union(now.tables, *(night.tables for night in earlier)))
    }
    told = {table: times for table, times in of_tables.items() if times is not None}
    ends = {"smallest_table_times_usual": min, "largest_table_times_usual": max}
    which = {name: [end(told, key=lambda table: told[table])] for name, end in ends.items() if told}
    numbers = {
        "earlier_nights_short": float(max(FEWEST_NIGHTS - len(earlier), 0)),
        "rows_times_usual": _or_nan(times_usual(now.rows, [night.rows for night in earlier], fewest=few)),
        **{name: told[which[name][0]] if told else nan for name in ends},
    }
    return numbers, which


def _kinds(now: Profile, earlier: Sequence[Profile]) -> tuple[dict[str, float], _Kinds]:
    few = FEWEST_ROWS_FOR_A_SHARE
    types = now.observation_types, [night.observation_types for night in earlier]
    systems = now.code_systems, [night.code_systems for night in earlier]
    told = {
        "tables_lost": lost(now.tables, [night.tables for night in earlier]),
        "observation_types_lost": lost(*types),
        "code_systems_lost": lost(*systems),
    }
    missing = {name: kinds or [] for name, kinds in told.items()}
    numbers = {name: nan if kinds is None else float(len(kinds)) for name, kinds in told.items()}
    numbers["observation_types_moved"] = _or_nan(moved(*types, fewest=few))
    numbers["code_systems_moved"] = _or_nan(moved(*systems, fewest=few))
    return numbers, missing


def _or_nan(number: float | None) -> float:
    return nan if number is None else number


def _told_share(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST_ROWS_FOR_A_SHARE else nan


def _uncoded_share(table: pa.Table | None) -> float:
    if table is None:
        return 0.0
    uncoded = pc.invert(table.column("is_deleted"))
    for name in _CODES:
        uncoded = pc.and_(uncoded, pc.is_null(table.column(name)))
    return _share(pc.sum(uncoded).as_py() or 0, table.num_rows - _deleted(table))


def _undated_share(tables: Mapping[str, pa.Table]) -> float:
    events = [table for name, table in tables.items() if is_event(name)]
    live = sum(table.num_rows - _deleted(table) for table in events)
    undated = sum(table.column("effective_date").null_count - _deleted(table) for table in events)
    return _share(max(undated, 0), live)


def _deleted_share(tables: Mapping[str, pa.Table]) -> float:
    return _share(sum(_deleted(table) for table in tables.values()), sum(table.num_rows for table in tables.values()))


def _deleted(table: pa.Table) -> int:
    return pc.sum(table.column("is_deleted")).as_py() or 0


def _empty_core_tables(tables: Mapping[str, pa.Table]) -> int:
    patients = tables.get("patient")
    if patients is None or patients.num_rows < _MANY_PATIENTS:
        return 0
    return sum(1 for name in _NEVER_EMPTY_BESIDE_MANY_PATIENTS if name not in tables or tables[name].num_rows == 0)


def _share(part: int, whole: int) -> float:
    return part / whole if whole >= FEWEST_ROWS_FOR_A_SHARE else 0.0
