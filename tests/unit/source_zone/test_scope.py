"""Who and what is in scope, to the day: the privacy notice's start date, and the look-back of three kinds of entry."""

from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from crossing.canonical import TABLES, is_event
from crossing.policy import Policy
from source_zone.identified import schema
from source_zone.minimise import Rules, Withheld, minimise
from source_zone.release_practice import release_practice
from source_zone.rules import read_rules
from support.emis_files import a_patient, an_observation, write_extract
from support.source_zone import make_source_zone

RULES = read_rules(Policy(), "gpdpr", synthetic=True)
TAKEN_ON = date(2026, 9, 2)
TEN_YEARS = ("medication", "referral", "appointment")


@pytest.mark.parametrize(
    ("cells", "held"),
    [
        ({}, {}),
        ({"DateOfDeactivation": "2021-08-31"}, {"left_before_start": 1}),
        ({"DateOfDeactivation": "2021-09-01"}, {}),
        ({"DateOfDeactivation": "2025-01-01"}, {}),
        ({"DateOfDeath": "2021-08-31"}, {"died_before_start": 1}),
        ({"DateOfDeath": "2021-09-01"}, {}),
        ({"DateOfDeath": "2025-01-01", "DateOfDeactivation": "2025-01-01"}, {}),
        ({"DateOfRegistration": "2026-09-01"}, {}),
        ({"DummyType": "Dummy"}, {"test_patient": 1}),
        ({"IsConfidential": "true"}, {"confidential_patient": 1}),
        ({"SpineSensitive": "true"}, {"confidential_patient": 1}),
    ],
)
def test_who_was_registered_or_died_on_the_first_day_or_later_is_in_scope(
    tmp_path: Path, cells: dict[str, str], held: dict[str, int]
) -> None:
    zone = make_source_zone(tmp_path)
    patient = a_patient("p", **cells)
    write_extract(zone.deliveries, {"Admin_Patient": [patient], "CareRecord_Observation": [an_observation("p", "o")]})
    outcome = release_practice(zone.release())
    assert (outcome["patients_held_back"], outcome["sent"] == 0) == (held, bool(held))


def test_three_kinds_of_entry_have_a_look_back_and_it_is_ten_years() -> None:
    assert RULES.look_back_from(TAKEN_ON) == dict.fromkeys(TEN_YEARS, date(2016, 9, 2))


@pytest.mark.parametrize("table", [table for table in TABLES if is_event(table)])
@pytest.mark.parametrize(
    ("day", "is_old"), [(date(2016, 9, 1), True), (date(2016, 9, 2), False), (date(1990, 1, 1), True)]
)
def test_an_old_entry_of_any_other_kind_leaves(table: str, day: date, is_old: bool) -> None:
    row = {"record_id": "o", "registration_id": "p", "effective_date": day, "effective_date_precision": "day"}
    row |= {"is_deleted": False, "is_confidential": False, "snomed_concept_id": "195967001"}
    names = schema(table).names
    rows = pa.RecordBatch.from_pylist([{name: row.get(name) for name in names}], schema=schema(table))
    roster = pl.DataFrame(
        {"registration_id": ["p"], "reason": [None], "date_of_birth": [date(1960, 5, 17)]},
        schema_overrides={"reason": pl.String},
    )
    rules = Rules(
        restricted_codes=RULES.codes.restricted,
        identifier_valued=RULES.codes.identifier_valued,
        code_shapes=RULES.generalisations.code_shapes,
        look_back_from=RULES.look_back_from(TAKEN_ON),
        own_identifiers=frozenset(),
    )
    _, counts = minimise(table, rows, pl.Series([False]), roster, rules, Withheld())
    assert dict(counts.held_back) == ({"outside_look_back": 1} if is_old and table in TEN_YEARS else {})
    assert counts.sent == (0 if is_old and table in TEN_YEARS else 1)
