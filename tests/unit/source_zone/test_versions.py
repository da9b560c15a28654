"""Facts are ordered by when they were stated, whatever the order in which they came to be known."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from source_zone.versions import STATED_AT, added_to, in_order, known_by, stated, without_repeats


def night(number: int) -> datetime:
    return datetime(2026, 9, number, 1, tzinfo=UTC)


def said(*facts: tuple[str | None, str], at: int) -> pa.Table:
    who, what = zip(*facts, strict=True) if facts else ((), ())
    return stated(pa.table({"who": pa.array(who, pa.string()), "what": pa.array(what, pa.string())}), night(at))


def listed(table: pa.Table) -> list[tuple[str | None, str]]:
    return list(zip(table["who"].to_pylist(), table["what"].to_pylist(), strict=True))


def test_what_comes_late_takes_its_place() -> None:
    versions = in_order(said(("a", "2"), at=2), said(("a", "4"), at=4), said(("a", "3"), at=3))
    assert listed(versions) == [("a", "2"), ("a", "3"), ("a", "4")]


def test_within_one_extract_the_order_of_its_lines_stays() -> None:
    versions = in_order(said(("a", "x"), ("b", "y"), ("a", "z"), at=2), said(("c", "w"), at=2))
    assert listed(versions) == [("a", "x"), ("b", "y"), ("a", "z"), ("c", "w")]


def test_the_memory_of_an_earlier_version_knows_no_instants_and_comes_first() -> None:
    old = pa.table({"who": ["a"]})
    versions = in_order(old, said(("a", "1"), at=1))
    assert versions["what"].to_pylist() == [None, "1"]
    assert known_by(versions, night(1)).num_rows == 2
    assert known_by(old, night(1)) is old


def test_what_was_known_on_a_night_is_what_had_been_stated_by_then() -> None:
    versions = in_order(said(("a", "2"), at=2), said(("a", "3"), at=3), said(("a", "4"), at=4))
    assert listed(known_by(versions, night(3))) == [("a", "2"), ("a", "3")]
    assert listed(known_by(versions)) == [("a", "2"), ("a", "3"), ("a", "4")]


def test_a_fact_said_every_night_is_kept_twice_and_one_that_changed_between_is_not_lost() -> None:
    nightly = in_order(*(said(("a", "x"), ("b", "y"), at=number) for number in range(1, 20)))
    kept = without_repeats(nightly, ["who"])
    assert listed(kept) == [("a", "x"), ("b", "y"), ("a", "x"), ("b", "y")]
    assert kept[STATED_AT.name].to_pylist()[0] == night(1)
    between = without_repeats(in_order(kept, said(("a", "z"), at=7)), ["who"])
    assert listed(between) == [("a", "x"), ("b", "y"), ("a", "z"), ("a", "x"), ("b", "y")]


def test_facts_without_a_key_are_kept_apart_by_what_they_say() -> None:
    nightly = in_order(*(said((None, "x"), (None, "y"), at=number) for number in range(1, 20)))
    assert listed(without_repeats(nightly, ["who"])) == [(None, "x"), (None, "y")]


def codes(**rows: str) -> pa.Table:
    return pa.table({"code": list(rows), "means": list(rows.values())})


def test_a_late_delivery_adds_to_an_adapters_table_and_changes_nothing_of_it() -> None:
    assert added_to(codes(a="new"), codes(a="old", b="added"), ["code"]).to_pylist() == [
        {"code": "a", "means": "new"},
        {"code": "b", "means": "added"},
    ]


def test_what_waits_since_a_newer_delivery_is_not_forgotten_for_an_older_one() -> None:
    assert added_to(codes(a="waits", b="waits"), codes(b="waits"), ["code"]).to_pylist() == [
        {"code": "a", "means": "waits"},
        {"code": "b", "means": "waits"},
    ]


@pytest.mark.parametrize("key", [["code"], []])
def test_where_nothing_is_remembered_the_late_deliverys_table_is_taken(key: list[str]) -> None:
    assert added_to(None, codes(a="x"), key) == codes(a="x")


def test_a_table_whose_rows_nobody_can_tell_apart_stays_as_it_is_remembered() -> None:
    assert added_to(codes(a="new"), codes(a="old", b="x"), []) == codes(a="new")
