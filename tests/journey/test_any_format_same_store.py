"""The same seed through any format gives the same records as EMIS's bulk CSV, but for what the format cannot carry.

What a format cannot carry is declared in cannot_carry/, entry by entry, each with its reason; one that turns out not
to be needed fails here too, so the table can neither hide a loss nor promise one.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias

import polars as pl
import pytest

from journey.cannot_carry import CANNOT_CARRY, CannotCarry
from journey.conftest import Live
from journey.formats_compared import State, differences, state_of
from simulator.formats import formats

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow]

MEASURE = "emis_csv"
OTHERS = [name for name in formats() if name != MEASURE]


StateIn: TypeAlias = Callable[[str], State]


@pytest.fixture(scope="module")
def state_in(nights_in: Live) -> StateIn:
    """Each made when it is first asked for: no test waits for formats it does not look at."""
    return functools.cache(lambda format: state_of(nights_in(format)))


def test_the_measure_has_rows_of_every_table(state_in: StateIn) -> None:
    assert {table for table, rows in state_in(MEASURE).items() if rows.is_empty()} == set()


def test_a_difference_of_one_cell_would_be_seen(state_in: StateIn) -> None:
    """In any column of any table that is not empty throughout."""
    measure = state_in(MEASURE)
    for table, rows in measure.items():
        for column in rows.columns:
            if rows[column].null_count() < len(rows):
                first = rows[column].is_not_null().arg_max()
                blanked = pl.when(pl.int_range(pl.len()) != first).then(column).alias(column)
                other = {**measure, table: rows.with_columns(blanked)}
                assert [*differences(measure, other, [])] == [table], column


@pytest.mark.parametrize("format", OTHERS)
def test_the_same_records_stand_in_the_store(state_in: StateIn, format: str) -> None:
    found = differences(state_in(MEASURE), state_in(format), _declared(format))
    assert found == {}


@pytest.mark.parametrize("entry", CANNOT_CARRY, ids=lambda entry: f"{entry.format}: {entry.what}")
def test_every_entry_of_the_table_is_needed(state_in: StateIn, entry: CannotCarry) -> None:
    others = [each for each in _declared(entry.format) if each is not entry]
    found = differences(state_in(MEASURE), state_in(entry.format), others)
    assert entry.table in found, f"{entry.format} does carry {entry.what}: take the entry out"


def test_every_entry_is_of_a_format_there_is() -> None:
    assert {entry.format for entry in CANNOT_CARRY} <= {*OTHERS}


def _declared(format: str) -> list[CannotCarry]:
    return [entry for entry in CANNOT_CARRY if entry.format == format]
