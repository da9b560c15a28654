"""Whole histories of a small practice's objections, drawn by hypothesis, and the same history as the product reads it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from crossing.policy import Policy
from source_zone.identified import schema
from source_zone.objections import CONSENTS, Objections
from source_zone.rules import read_rules
from source_zone.versions import in_order, stated, without_repeats
from support.slow_type_one_rule import ELSEWHERE, FAMILY_HISTORY, OWN_RECORD, Line, Registration

RULES = read_rules(Policy(), "gpdpr", synthetic=True)
NIGHTS = tuple(datetime(2026, 9, day, 1, tzinfo=UTC) for day in (1, 2, 3, 4))
_SAME_PERSON, _ANOTHER = "9990548609", "9434765919"
_DISSENTS = ("827241000000103", "9Nu0.", "9Nu0.00", "9Nu01", "XaZ89")
_WITHDRAWALS = ("827261000000102", "9Nu1.", "9Nu1.00", "XaZ8A")
_OTHERS = ("195967001", "H33..", "9Nu4.", "881561000000100", "XaaVL", "93C1.", "9Nu11")
_DAYS = ("", "2024", "2024-05", "2024-05-01", "2024-05-31", "2024-12-31", "2026", "2026-09", "2026-09-01")
_AHEAD = ("2026-09-02", "2026-09-03", "2026-09-04", "2026-09-06", "2026-10", "2027")
_MOMENTS = (None, datetime(2026, 9, 1, 9), datetime(2026, 9, 1, 12))


@dataclass(frozen=True, slots=True)
class History:
    """What a practice's nights said, in order."""

    lines: tuple[Line, ...]
    registrations: tuple[Registration, ...]


def _mostly(plain: Sequence[Any], odd: Sequence[Any]) -> st.SearchStrategy[Any]:
    """What is told apart is told apart by one oddity at a time: many at once would hide each other."""
    return st.sampled_from((*plain * (6 * len(odd) // len(plain) or 1), *odd))


def _codes() -> st.SearchStrategy[tuple[str, ...]]:
    said = _mostly((("9Nu0.",), ("9Nu1.",)), tuple((each,) for each in (*_DISSENTS, *_WITHDRAWALS, *_OTHERS)))
    either = st.sampled_from((*_DISSENTS, *_WITHDRAWALS, *_OTHERS))
    return st.one_of(said, said, said, st.tuples(either, either), st.just(()))


def _line() -> st.SearchStrategy[Line]:
    return st.builds(
        Line,
        night=st.sampled_from(NIGHTS),
        registration=_mostly(("p",), ("{P}", "q", "r", None)),
        entry=_mostly(("one", "two"), ("three", None)),
        codes=_codes(),
        dated=st.sampled_from((*_DAYS, *_AHEAD)),
        recorded=st.sampled_from(_MOMENTS),
        deleted=_mostly((False,), (True,)),
        readable=_mostly((True,), (False,)),
        place=_mostly((OWN_RECORD,), (FAMILY_HISTORY, ELSEWHERE)),
    )


def _registration(name: str) -> st.SearchStrategy[Registration]:
    numbers = (_SAME_PERSON, "999 054 8609", _ANOTHER, "9990548600", None)
    return st.builds(
        Registration, night=st.sampled_from(NIGHTS), registration=st.just(name), nhs_number=st.sampled_from(numbers)
    )


def histories(most_lines: int = 7) -> st.SearchStrategy[History]:
    lines = st.lists(_line(), max_size=most_lines).map(lambda drawn: tuple(sorted(drawn, key=lambda line: line.night)))
    people = st.lists(st.sampled_from("pqr").flatmap(_registration), min_size=1, max_size=5)
    return st.builds(History, lines, people.map(lambda drawn: tuple(sorted(drawn, key=lambda each: each.night))))


def remembered(
    history: History, *, until: datetime = NIGHTS[-1], one_by_one: bool = False
) -> tuple[pa.Table, pa.Table]:
    """Patients and objections as the memory has them after the nights up to one, each read as a delivery of its own."""
    patients, consents = stated(schema("patient").empty_table(), NIGHTS[0]), stated(CONSENTS.empty_table(), NIGHTS[0])
    for night in NIGHTS:
        if night > until:
            break
        looking = Objections(RULES.consents, consents)
        lines = [line for line in history.lines if line.night == night]
        if not lines and all(each.night != night for each in history.registrations):
            continue
        for table, rows in _as_read(lines, one_by_one):
            looking.look_at(table, rows)
        people = _patients([each for each in history.registrations if each.night == night])
        patients = without_repeats(in_order(patients, stated(people, night)), ["registration_id"])
        consents = without_repeats(in_order(consents, stated(looking.found(), night)), ["record_id", "registration_id"])
    return patients, consents


def _as_read(lines: Sequence[Line], one_by_one: bool) -> list[tuple[str, pa.RecordBatch]]:
    pieces = [[line] for line in lines] if one_by_one else [list(lines)]
    batches = []
    for piece in pieces:
        for table in ("observation", "recall"):
            rows = [_row(line) for line in piece if (line.place == ELSEWHERE) == (table == "recall")]
            if rows:
                batches.append((table, _batch(table, rows)))
    return batches


def _batch(table: str, rows: list[dict[str, object]]) -> pa.RecordBatch:
    names = schema(table).names
    return pa.RecordBatch.from_pylist(
        [{name: value for name, value in row.items() if name in names} for row in rows], schema=schema(table)
    )


def _row(line: Line) -> dict[str, object]:
    precision = ("unknown", "year", "month", "day")[len(line.dated.split("-")) if line.dated else 0]
    return {
        "registration_id": line.registration,
        "record_id": line.entry,
        "effective_date": date.fromisoformat((line.dated + "-01-01")[:10]) if line.dated else None,
        "effective_date_precision": precision,
        "recorded_at": line.recorded,
        "is_deleted": line.deleted,
        "observation_type": "family_history" if line.place == FAMILY_HISTORY else "observation",
        "fault": None if line.readable else "unknown_code",
        **_in_its_column(line.codes),
    }


def _in_its_column(codes: tuple[str, ...]) -> dict[str, str]:
    """The first code of a system in the system's column, one more among the codes that never travel."""
    cells: dict[str, str] = {}
    for code in codes:
        column = "snomed_concept_id" if code.isdecimal() else "ctv3_code" if code.startswith("Xa") else "read_v2_code"
        cells["further_codes" if column in cells else column] = code
    return cells


def _patients(people: Sequence[Registration]) -> pa.Table:
    rows = [
        {
            "registration_id": each.registration,
            "nhs_number": each.nhs_number,
            "is_deleted": False,
            "is_test_patient": False,
            "is_confidential": False,
            "registration_type": "regular",
        }
        for each in people
    ]
    return pa.Table.from_pylist(rows, schema=schema("patient"))


def held_back(roster: pa.Table) -> frozenset[str]:
    """Whom a roster holds back for a type 1 opt-out."""
    frame = pl.DataFrame(pl.from_arrow(roster))
    return frozenset(frame.filter(pl.col("reason") == "type_one_opt_out")["registration_id"].to_list())
