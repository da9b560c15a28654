"""Two formats of the same truth, reduced to what must be the same: who, what, when, how much and what about.

Every format names its records in its own way, so no token of a record can be compared. In its place stands what the
record it leads to says: its person, its date and its code.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import polars as pl
import pyarrow as pa

from crossing.canonical import TABLES, Kind, schema
from journey.cannot_carry import CannotCarry
from journey.stories import stories
from support.simulated_nights import SimulatedNights

State = dict[str, pl.DataFrame]  # the records of each table as they stand after the last night, reduced
Differences = dict[str, str]  # table -> what differs

_LEADS_TO = {
    "encounter_token": "encounter",
    "appointment_token": "appointment",
    "parent_token": "observation",
    "problem_token": "problem",
    "parent_problem_token": "problem",
    "authorisation_token": "medication",
    "staff_role_token": "staff_role",
    "source_organisation_token": "organisation",
    "target_organisation_token": "organisation",
}
_SAYS_MOST = ("effective_date", "snomed_concept_id", "dmd_code", "job_category_code", "ods_code")
_SAYS_LESS = {"encounter": ("effective_date",)}  # not every format has a code of encounters
_OF_THE_RECORD = ("record_token", "registration_token", "patient_token")
PERSON, STORY = "person", "story"


def state_of(lived: SimulatedNights) -> State:
    """All practices together: the last version of every record; nothing deleted, nor anything of a deleted patient."""
    practices = sorted({practice for practice, _ in lived.parcels})
    states = [_state_of_practice(lived, practice) for practice in practices]
    return {table: pl.concat([state[table] for state in states]) for table in TABLES}


def differences(one: State, other: State, exceptions: Iterable[CannotCarry]) -> Differences:
    """Which tables differ, and an example of a row that only one of them has; exceptions are left out on both sides."""
    excepted = list(exceptions)
    found = {table: _difference(table, one[table], other[table], excepted) for table in TABLES}
    return {table: said for table, said in found.items() if said}


def _state_of_practice(lived: SimulatedNights, practice: str) -> State:
    parts: dict[str, list[pa.Table]] = {table: [schema(table).empty_table()] for table in TABLES}
    extracts = sorted(
        (each for each in lived.parcels if each[0] == practice), key=lambda each: lived.manifests[each].sequence
    )
    for extract in extracts:
        for table, rows in lived.opened(extract):
            parts[table].append(rows.select(schema(table).names))
    last = {table: _last_versions(pa.concat_tables(each)) for table, each in parts.items()}
    people = _people(last["patient"], stories(lived, practice))
    standing = {table: _standing(rows, people) for table, rows in last.items()}
    for table in ("problem", "referral"):
        standing[table] = _completed(standing[table], _extended(standing))
    told = {table: _told(table, rows) for table, rows in standing.items()}
    return {
        table: _reduced(table, rows, told).with_columns(practice=pl.lit(practice)) for table, rows in standing.items()
    }


def _last_versions(rows: pa.Table) -> pl.DataFrame:
    frame = pl.DataFrame(pl.from_arrow(rows))
    return frame.unique("record_token", keep="last", maintain_order=True).filter(~pl.col("is_deleted"))


def _people(patients: pl.DataFrame, told: dict[str, str]) -> pl.DataFrame:
    """The person of each registration that stands. Those without a token of their own are not told apart."""
    token = pl.col("patient_token").bin.encode("hex").fill_null("no NHS number")
    story = token.replace_strict(told, default="", return_dtype=pl.String)
    return patients.select("registration_token", token.alias(PERSON), story.alias(STORY))


def _standing(rows: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    if "registration_token" not in rows.columns:
        return rows.with_columns(pl.lit("").alias(PERSON), pl.lit("").alias(STORY))
    return rows.join(people, on="registration_token", how="inner", maintain_order="left")


def _extended(standing: State) -> pl.DataFrame:
    """What EMIS's problems and referrals can be about: entries of its one table of observations."""
    return pl.concat([standing[table] for table in ("observation", "immunisation", "allergy")], how="diagonal")


def _completed(rows: pl.DataFrame, observations: pl.DataFrame) -> pl.DataFrame:
    """EMIS splits a problem or referral into two records of one id; its date and code stand on the observation."""
    shared = [
        name for name in rows.columns if name in observations.columns and name not in (*_OF_THE_RECORD, PERSON, STORY)
    ]
    of_observation = observations.select("record_token", pl.col(shared).name.suffix(" of observation"))
    joined = rows.join(of_observation, on="record_token", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce(name, f"{name} of observation") for name in shared).select(rows.columns)


def _told(table: str, rows: pl.DataFrame) -> pl.DataFrame:
    """What each record says of itself where another one leads to it."""
    names = [name for name in _SAYS_LESS.get(table, _SAYS_MOST) if name in rows.columns]
    said = [pl.col(name).cast(pl.String).fill_null("-") for name in names]
    return rows.select("record_token", pl.concat_str(PERSON, *said, separator=" ").alias("said"))


def _reduced(table: str, rows: pl.DataFrame, told: State) -> pl.DataFrame:
    for column in TABLES[table]:
        if column.kind == Kind.TOKEN and column.name not in _OF_THE_RECORD:
            leads_to = told[_LEADS_TO[column.name]]
            joined = rows.join(
                leads_to, left_on=column.name, right_on="record_token", how="left", maintain_order="left"
            )
            said = pl.when(pl.col(column.name).is_not_null()).then(pl.col("said").fill_null("not in the store"))
            rows = joined.with_columns(said.alias(column.name)).drop("said")
    return rows.drop("is_deleted", *(name for name in _OF_THE_RECORD if name in rows.columns))


def _difference(table: str, one: pl.DataFrame, other: pl.DataFrame, excepted: list[CannotCarry]) -> str:
    mine = [each for each in excepted if each.table == table]
    if any(not each.column and each.rows is None for each in mine):
        return ""
    only_one, only_other = Counter(_rows(one, mine)), Counter(_rows(other, mine))
    only_one, only_other = only_one - only_other, only_other - only_one
    if not only_one and not only_other:
        return ""
    names = [name for name in one.columns if name not in {each.column for each in mine}]
    return f"{only_one.total()} and {only_other.total()} rows of their own; {_examples(names, only_one, only_other)}"


def _rows(state: pl.DataFrame, mine: list[CannotCarry]) -> list[tuple[Any, ...]]:
    for each in mine:
        if each.rows is not None:
            state = state.filter(~each.rows.fill_null(False))
    left_out = [each.column for each in mine if each.column]
    return state.drop(left_out).rows()


def _examples(names: list[str], only_one: Counter[Any], only_other: Counter[Any]) -> str:
    """The two rows of their own that are most alike, where they are not."""
    pairs = [(a, b) for a in list(only_one)[:300] for b in list(only_other)[:300] if a[-1] == b[-1]]
    if not pairs:
        chosen = next(iter(only_one or only_other))
        return "such as " + str({name: value for name, value in zip(names, chosen, strict=True) if value is not None})
    a, b = max(pairs, key=lambda pair: sum(x == y for x, y in zip(*pair, strict=True)))
    return str({name: (x, y) for name, x, y in zip(names, a, b, strict=True) if x != y})
