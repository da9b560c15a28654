"""What stays out, what goes on, and the counts of both."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from central_zone import quarantine
from support.parcels import observations, patients


def positions(*numbers):
    return np.array(numbers, np.int64)


@given(st.sets(st.integers(0, 29)), st.integers(1, 40))
def test_rows_that_failed_and_rows_that_go_on_are_all_the_rows_and_in_order(failed, at_a_time):
    table = observations(30)
    pieces = quarantine.without_failed(table, positions(*sorted(failed)), at_a_time=at_a_time)
    tokens = [token for piece in pieces for token in piece["record_token"].to_pylist()]
    expected = [token for row, token in enumerate(table["record_token"].to_pylist()) if row not in failed]
    assert tokens == expected


def test_a_row_that_broke_two_rules_stays_out_once_and_is_named_for_both():
    tables = {"observation": observations(10), "patient": patients(10)}
    failed = {"observation": {"first_rule": positions(3, 4), "second_rule": positions(4)}}
    assert quarantine.failed_rows(failed, "observation").tolist() == [3, 4]
    assert quarantine.share_failed(tables, failed) == 0.1
    assert quarantine.counts(failed) == {"observation": {"first_rule": 2, "second_rule": 1}}
    kept = quarantine.rows_to_keep_out(tables, failed, 7, "A12345").to_pylist()
    assert [(row["rule_id"], row["record_token"]) for row in kept] == [
        ("first_rule", tables["observation"]["record_token"][3].as_py()),
        ("first_rule", tables["observation"]["record_token"][4].as_py()),
        ("second_rule", tables["observation"]["record_token"][4].as_py()),
    ]
    assert {(row["parcel_number"], row["table_name"]) for row in kept} == {(7, "observation")}
    whose = [tables["observation"]["registration_token"][row].as_py() for row in (3, 4, 4)]
    assert [(row["practice_code"], row["registration_token"]) for row in kept] == [("A12345", each) for each in whose]


@given(st.sets(st.integers(0, 29)), st.sets(st.integers(0, 29)))
def test_rows_that_failed_are_the_same_rows_when_others_were_taken_out(failed, taken_out):
    table = observations(30)
    kept = np.array([row not in taken_out for row in range(30)])
    moved = quarantine.among_kept({"observation": {"rule": positions(*sorted(failed))}}, {"observation": kept})
    rest = table.filter(kept)["record_token"].to_pylist()
    found = [rest[row] for row in moved.get("observation", {}).get("rule", [])]
    assert found == [table["record_token"][row].as_py() for row in sorted(failed - taken_out)]


def test_nothing_failed_means_nothing_is_kept_out():
    assert quarantine.rows_to_keep_out({"patient": patients()}, {}, 1, "A12345").num_rows == 0
    assert quarantine.share_failed({}, {}) == 0.0
    assert quarantine.failed_rows({}, "patient").tolist() == []
