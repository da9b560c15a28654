"""The comparison itself: it sees what differs, and leaves out what is declared, no more."""

import polars as pl
import pytest

from crossing.canonical import TABLES
from journey.cannot_carry import CannotCarry
from journey.formats_compared import State, differences


def a_state(**columns: list[object]) -> State:
    some = {"value": [1.0, 2.0, 2.0], "status": ["a", "b", "b"], "practice": ["P", "P", "P"], **columns}
    return {table: pl.DataFrame(some if table == "observation" else {"practice": ["P"]}) for table in TABLES}


def declared(**how: object) -> CannotCarry:
    return CannotCarry(**{"format": "any", "table": "observation", "why": "It is so.", **how})  # type: ignore[arg-type]


def test_the_same_rows_in_another_order_are_the_same() -> None:
    assert differences(a_state(), a_state(value=[2.0, 1.0, 2.0], status=["b", "a", "b"]), []) == {}


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0], [1.0, 1.0, 2.0], [None, 2.0, 2.0]])
def test_another_value_another_number_of_them_and_none_are_seen(values: list[object]) -> None:
    assert [*differences(a_state(), a_state(value=values), [])] == ["observation"]


def test_a_declared_column_is_left_out_and_no_other() -> None:
    other = a_state(value=[7.0, 8.0, 9.0])
    assert differences(a_state(), other, [declared(column="value")]) == {}
    assert differences(a_state(), other, [declared(column="status")]) != {}


def test_declared_rows_are_left_out_on_both_sides_and_no_others() -> None:
    other = a_state(value=[1.0, 5.0, 6.0])
    assert differences(a_state(), other, [declared(which="b", rows=pl.col("status") == "b")]) == {}
    assert differences(a_state(), other, [declared(which="a", rows=pl.col("status") == "a")]) != {}


def test_a_declared_table_is_left_out_and_no_other() -> None:
    assert differences(a_state(), a_state(value=[None] * 3), [declared()]) == {}
    assert differences(a_state(), a_state(value=[None] * 3), [declared(table="problem")]) != {}
