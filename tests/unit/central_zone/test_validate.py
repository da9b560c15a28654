"""Every rule of policy/expectations is broken once here, and seen to catch exactly what it is for."""

import itertools
import logging
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from central_zone.expectations.beside import ColumnMissing
from central_zone.expectations.profile import Profile
from central_zone.expectations.rules import PARCEL, Only, Severity, read_rule_book
from central_zone.expectations.suites import Suites, ValidationBroke
from central_zone.validate import Unvalidated, Verdict, validate_shard, validate_tables
from crossing.canonical import TABLES, Kind, schema
from crossing.policy import Policy, PolicyRefused, policy_folder

EXTRACT_DATE = date(2026, 9, 2)
TOKEN = b"0123456789abcdef"
MAN, DEAD, ELDER, STRANGER, TWICE, PERSON = (f"a patient {number:06d}".encode() for number in range(6))
AN_INSTANT = datetime(2021, 2, 3, 4, 5, 6)
BLOOD_PRESSURE = "271649006"
BOOK = read_rule_book(Policy())
ROW_RULES = [(table, rule.id) for table in TABLES for rule in BOOK.rules[table]]

# What breaks each rule: the columns to set. A table takes those it has.
BREAKS: dict[str, dict[str, Any]] = {
    "not_dated": {"effective_date": None},
    "nothing_dates_it": {"effective_date": None, "recorded_at": None},
    "patient_not_in_parcel": {"registration_token": STRANGER},
    "reference_not_in_parcel": {"staff_role_token": STRANGER},
    "same_record_twice": {"record_token": TWICE},
    "same_content_twice": {"recorded_at": AN_INSTANT},
    "dated_before_birth": {"effective_date": date(1959, 12, 31)},
    "dated_after_death": {"effective_date": date(2010, 6, 1), "registration_token": DEAD},
    "local_code_not_known": {"local_code": "ZZZ9"},
    "pregnancy_in_a_man": {"snomed_concept_id": "77386006", "registration_token": MAN},
    "prostate_cancer_in_a_woman": {"read_v2_code": "B46.."},
    "two_ethnicities": {"snomed_concept_id": "92461000000105", "registration_token": MAN},
    "value_not_possible": {"snomed_concept_id": BLOOD_PRESSURE, "value": 900.0, "value_unit": "mmHg"},
    "value_not_plausible": {"snomed_concept_id": BLOOD_PRESSURE, "value": 300.0, "value_unit": "mm Hg"},
    "unit_missing": {"snomed_concept_id": BLOOD_PRESSURE, "value": 120.0},
    "unit_of_another_measurement": {"snomed_concept_id": BLOOD_PRESSURE, "value": 120.0, "value_unit": "kg"},
    "value_missing": {"snomed_concept_id": BLOOD_PRESSURE, "value_unit": "mmHg"},
    "quantity_below_nothing": {"quantity": -1.0},
    "sex_missing": {"sex": None},
    "year_of_birth_missing": {"year_of_birth": None},
    "person_unknown": {"patient_token": None},
    "month_of_death_without_year": {"month_of_death": 5},
    "registered_before_birth": {"registered_date": date(1959, 12, 31)},
    "registrations_overlap": {
        "patient_token": TWICE,
        "registration_type": "regular",
        "registered_date": date(2014, 12, 31),
    },
    "area_of_no_edition": {"lsoa_code": "E01990000"},
    "missing_required": {"record_token": None},
    "dated_in_future": {"effective_date": date(2026, 9, 3)},
    "placeholder_date": {"effective_date": date(1900, 1, 1), "registration_token": ELDER},
    "snomed_concept_shape": {"snomed_concept_id": "827241000000104"},
    "snomed_description_shape": {"snomed_description_id": "22298006"},
    "read_v2_shape": {"read_v2_code": "9Nu0"},
    "ctv3_shape": {"ctv3_code": "XaZ89.."},
    "local_code_shape": {"local_code": "told her mother"},
    "identifier_in_code": {"local_code": "9990548609"},
    "dmd_shape": {"dmd_code": "39113611000001108"},
    "job_category_shape": {"job_category_code": "Dr A. Example"},
    "value_not_finite": {"value": float("nan")},
    "range_upside_down": {"range_low": 9.0, "range_high": 4.0},
    "quantity_not_finite": {"quantity": float("inf")},
    "course_not_possible": {"course_days": -1},
    "ended_before_it_began": {"effective_date": date(2020, 2, 2), "end_date": date(2020, 2, 1)},
    "minutes_not_possible": {"actual_minutes": 1441},
    "year_of_birth_too_early": {"year_of_birth": 1889},
    "born_in_future": {"year_of_birth": 2027},
    "died_in_future": {"year_of_death": 2027},
    "died_before_birth": {"year_of_birth": 1950, "year_of_death": 1949},
    "month_not_possible": {"month_of_death": 13, "year_of_death": 2010},
    "imd_decile_not_possible": {"imd_decile": 0},
    "lsoa_shape": {"lsoa_code": "QQ1 1AA"},
    "left_before_registering": {"registered_date": date(2020, 2, 2), "registration_end_date": date(2020, 2, 1)},
    "ods_code_shape": {"ods_code": "The Surgery"},
    "date_not_possible": {
        "effective_date": date(1799, 12, 31),
        "registered_date": date(1799, 12, 31),
        "open_date": date(1799, 12, 31),
    },
    "number_too_large": {"value": 9990548609.0, "quantity": -9990548609.0},
    "closed_before_it_opened": {"open_date": date(2020, 2, 2), "close_date": date(2020, 2, 1)},
}
# What stands in the parcel before, for a rule that needs two rows.
BEFORE: dict[str, dict[str, Any]] = {
    "same_record_twice": {"record_token": TWICE},
    "same_content_twice": {"recorded_at": AN_INSTANT},
    "two_ethnicities": {"snomed_concept_id": "494131000000105", "registration_token": MAN},
    "registrations_overlap": {
        "patient_token": TWICE,
        "registration_type": "regular",
        "registered_date": date(2010, 1, 1),
        "registration_end_date": date(2015, 1, 1),
    },
}
PATIENTS = (
    {"registration_token": MAN, "sex": "male"},
    {"registration_token": DEAD, "year_of_death": 2010, "month_of_death": 5},
    {"registration_token": ELDER, "year_of_birth": 1895},
)
# Rules that what breaks another breaks as well.
ALSO = {
    "not_dated": {"nothing_dates_it"},
    "dated_before_birth": {"date_not_possible"},
    "registered_before_birth": {"date_not_possible"},
    "local_code_not_known": {"local_code_shape", "identifier_in_code"},
    "area_of_no_edition": {"lsoa_shape"},
    "quantity_below_nothing": {"number_too_large", "quantity_not_finite"},
}


def a_row(table: str, **values: Any) -> dict[str, Any]:
    """A row with its required columns and what is given; everything else is empty, as in a tombstone."""
    required = {column.name: TOKEN for column in TABLES[table] if column.required}
    return {**required, "record_token": a_token(), "is_deleted": False, **filled(table), **values}


def filled(table: str) -> dict[str, Any]:
    """What a live row must have, so that nothing is missing from it."""
    columns = {column.name for column in TABLES[table]}
    sound = {
        "effective_date": date(2020, 1, 1),
        "recorded_at": datetime(2020, 1, 1) + timedelta(seconds=next(_counted)),
    }
    sound |= {"sex": "female", "year_of_birth": 1960, "patient_token": PERSON}
    return {name: value for name, value in sound.items() if name in columns}


_counted = itertools.count(1)


def a_token() -> bytes:
    """Another one each time."""
    return next(_counted).to_bytes(16, "big")


def a_table(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    loose = pa.schema([field.with_nullable(True) for field in schema(table)])
    return pa.Table.from_pylist(rows, schema=loose)


def verdict_on(policy: Policy | None = None, **rows: list[dict[str, Any]]) -> Verdict:
    tables = {table: a_table(table, of_table) for table, of_table in rows.items()}
    return validate_tables(tables, extract_date=EXTRACT_DATE, policy=policy or Policy())


def breaking(table: str, rule_id: str) -> dict[str, Any]:
    if rule_id == "word_not_on_list":
        return {next(column.name for column in TABLES[table] if column.kind == Kind.CLOSED): "told her mother"}
    return BREAKS[rule_id]


def rows_of(table: str) -> list[dict[str, Any]]:
    """A sound row, rows that stand before others, and one for each rule that breaks it, in the order of the rules."""
    before = [a_row(table, **BEFORE[rule.id]) for rule in BOOK.rules[table] if rule.id in BEFORE]
    patients = [a_row(table, **patient) for patient in PATIENTS] if table == "patient" else []
    return [a_row(table), *patients, *before, *(a_row(table, **breaking(table, rule.id)) for rule in BOOK.rules[table])]


@pytest.fixture(scope="module")
def all_broken() -> Verdict:
    """One run for all."""
    tables = {table: a_table(table, rows_of(table)) for table in TABLES}
    return validate_shard([Unvalidated(tables, EXTRACT_DATE, is_whole_record=True)], policy=Policy())[0]


@pytest.mark.parametrize(("table", "rule_id"), ROW_RULES)
def test_every_rule_catches_what_it_is_for_and_nothing_else(all_broken: Verdict, table: str, rule_id: str) -> None:
    ids = [rule.id for rule in BOOK.rules[table]]
    first = len(rows_of(table)) - len(ids)
    wanted = [first + ids.index(each) for each in ids if each in {rule_id, *ALSO.get(rule_id, ())}]
    if rule_id == "same_record_twice":  # of the two the last is loaded
        wanted = [first - len(BEFORE.keys() & set(ids)) + [each for each in ids if each in BEFORE].index(rule_id)]
    if BOOK.rules[table][ids.index(rule_id)].severity == Severity.WARN:
        both = int(rule_id == "two_ethnicities")  # neither row is the wrong one
        assert all_broken.warnings[table][rule_id] == len(wanted) + both
        assert rule_id not in all_broken.failed_rows[table]
    else:
        assert all_broken.failed_rows[table][rule_id].tolist() == wanted
        assert all_broken.failed_rows[table][rule_id].dtype == np.int64


def test_every_rule_that_ran_says_how_many_rows_it_saw_and_how_many_failed_also_where_none_did() -> None:
    rows = [a_row("recall"), a_row("recall", ctv3_code="X"), a_row("recall", effective_date=date(1900, 1, 1))]
    parcels = [Unvalidated({"recall": a_table("recall", some)}, EXTRACT_DATE) for some in (rows[:1], rows, [])]
    results = [
        {(result.table, result.rule): (result.failed, result.seen) for result in verdict.rules}
        for verdict in validate_shard(parcels, policy=Policy())
    ]
    of_recall = {("recall", rule.id) for rule in BOOK.rules["recall"]}
    untold = {"patient_not_in_parcel", "reference_not_in_parcel", "local_code_not_known"}
    for result, rows_seen in zip(results, (1, 3, 0), strict=True):
        seen = {rule: 0 if rule[1] in untold else rows_seen for rule in of_recall}
        assert {rule: counts[1] for rule, counts in result.items() if rule[0] == "recall"} == seen
    broken = [{rule for rule, (failed, _) in result.items() if failed and rule[0] == "recall"} for result in results]
    assert broken == [set(), {("recall", "ctv3_shape"), ("recall", "placeholder_date")}, set()]
    assert [result[PARCEL, "history_too_short"] for result in results] == [(1, 1)] * 3
    assert [result[PARCEL, "volume_unusual"] for result in results] == [(0, 0)] * 3


def test_every_canonical_table_has_a_rule_file_and_every_file_a_table() -> None:
    files = {path.stem for path in (policy_folder() / "expectations").glob("*.toml")}
    assert files == {*TABLES, PARCEL}


@pytest.mark.parametrize("table", TABLES)
def test_every_code_word_and_required_column_has_a_rule(table: str) -> None:
    ruled = BOOK.columns(table)
    must = {c.name for c in TABLES[table] if c.required or c.kind in {Kind.CODE, Kind.CLOSED}}
    assert must - ruled == set(), "add a rule for these columns to the table's file in policy/expectations"


DATED = [(t, c.name) for t in TABLES for c in TABLES[t] if c.kind in {Kind.DATE, Kind.INSTANT}]
NUMBERS = [(t, c.name) for t in TABLES for c in TABLES[t] if c.type == pa.float64()]


def failing(table: str, column: str, values: pa.Array, rule: str) -> list[int]:
    rows = a_table(table, [a_row(table)] * len(values))
    place = rows.schema.get_field_index(column)
    changed = rows.set_column(place, rows.schema.field(place), values.cast(rows.schema.field(place).type))
    found = validate_tables({table: changed}, extract_date=EXTRACT_DATE, policy=Policy())
    positions = found.failed_rows.get(table, {}).get(rule)
    return [] if positions is None else positions.tolist()


@pytest.mark.parametrize(("table", "column"), DATED)
def test_a_date_the_store_could_not_hold_is_quarantined_in_every_column(table: str, column: str) -> None:
    days = [date(1799, 12, 31), date(1800, 1, 1), None, date(2199, 12, 31), date(2200, 1, 1)]
    assert failing(table, column, pa.array(days, pa.date32()), "date_not_possible") == [0, 4]


@pytest.mark.parametrize(("table", "column"), [pair for pair in DATED if pair[1] != "recorded_at"])
def test_the_last_day_that_can_be_sent_is_quarantined(table: str, column: str) -> None:
    ends = pa.array([2**31 - 1, -(2**31), 0], pa.int32()).cast(pa.date32())
    assert failing(table, column, ends, "date_not_possible") == [0, 1]


def test_the_first_and_last_instant_that_can_be_sent_are_quarantined() -> None:
    ends = pa.array([2**63 - 1, -(2**63) + 1, 0], pa.int64()).cast(pa.timestamp("us"))
    assert failing("observation", "recorded_at", ends, "date_not_possible") == [0, 1]


@pytest.mark.parametrize(("table", "column"), NUMBERS)
def test_a_number_with_ten_digits_is_quarantined_in_every_column(table: str, column: str) -> None:
    numbers = pa.array([9990548609.0, -9990548609.0, 1e9, 999_999_999.0, None, 0.5])
    assert failing(table, column, numbers, "number_too_large") == [0, 1, 2]


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_names_columns_that_exist(table: str) -> None:
    known = {column.name for column in TABLES[table]} | {"extract_date", "extract_year"}
    assert {name for name in BOOK.columns(table) if "." not in name} <= known  # the others are made, or it is refused


@pytest.mark.parametrize("table", TABLES)
def test_every_rule_says_why_and_who_owns_it(table: str) -> None:
    assert all(len(rule.why) > 10 and rule.owner for rule in BOOK.rules[table])


def test_a_tombstone_passes_every_rule() -> None:
    tables = {table: a_table(table, [a_tombstone(table)] * 2) for table in TABLES}
    found = validate_shard([Unvalidated(tables, EXTRACT_DATE, is_whole_record=True)], policy=Policy())[0]
    assert (found.failed_rows, found.warnings, found.held_because) == ({}, {PARCEL: {"history_too_short": 1}}, ())
    assert found.expectations_run == sum(_expectations(table) for table in [*TABLES, PARCEL])


def a_tombstone(table: str) -> dict[str, Any]:
    return {column.name: TOKEN for column in TABLES[table] if column.required} | {"is_deleted": True}


def _expectations(table: str) -> int:
    stock = [rule for rule in BOOK.rules[table] if rule.expectation.startswith("expect_column_")]
    return sum(len(rule.columns) for rule in stock) + len(BOOK.rules[table]) - len(stock)


def test_of_a_record_that_stands_there_several_times_the_last_line_is_loaded_and_a_deletion_is_another_word() -> None:
    def row(**values: Any) -> dict[str, Any]:
        return a_row("observation", record_token=TWICE, **values)

    rows = [row(), a_row("observation"), row(), {**a_tombstone("observation"), "record_token": TWICE}, row()]
    ahead = [row(), {**a_tombstone("observation"), "record_token": TWICE}]
    parcels = [Unvalidated({"observation": a_table("observation", some)}, EXTRACT_DATE) for some in (rows, ahead)]
    found = [_positions(verdict) for verdict in validate_shard(parcels, policy=Policy())]
    assert found == [{"observation": {"same_record_twice": [0, 2]}}, {}]


def test_an_event_on_the_day_of_the_extract_is_not_in_the_future() -> None:
    found = verdict_on(observation=[a_row("observation", effective_date=EXTRACT_DATE)])
    assert found.failed_rows == {}


def test_one_row_can_fail_several_rules() -> None:
    row = a_row("observation", effective_date=date(2919, 8, 1), value=float("-inf"), snomed_concept_id="not a code")
    found = verdict_on(observation=[row]).failed_rows["observation"]
    assert sorted(found) == ["date_not_possible", "dated_in_future", "snomed_concept_shape", "value_not_finite"]


def test_two_parcels_validated_together_get_the_same_verdicts_as_alone() -> None:
    future = a_row("encounter", effective_date=date(2026, 9, 3))
    first = {"encounter": a_table("encounter", [a_row("encounter"), future]), "recall": a_table("recall", [])}
    another = a_row("encounter", effective_date=date(2026, 9, 3))
    second = {"encounter": a_table("encounter", [future, a_row("encounter", ctv3_code="X"), another])}
    without = {"staff_role": a_table("staff_role", [a_row("staff_role")])}
    days = [EXTRACT_DATE, date(2026, 9, 3), EXTRACT_DATE, date(2026, 9, 1)]
    parcels = [Unvalidated(tables, day) for tables, day in zip([first, second, without, second], days, strict=True)]

    together = validate_shard(parcels, policy=Policy())

    alone = [validate_tables(parcel.tables, extract_date=parcel.extract_date, policy=Policy()) for parcel in parcels]
    assert [_positions(verdict) for verdict in together] == [_positions(verdict) for verdict in alone]
    assert _positions(together[1]) == {"encounter": {"ctv3_shape": [1]}}
    assert _positions(together[3]) == {"encounter": {"ctv3_shape": [1], "dated_in_future": [0, 2]}}


def _positions(verdict: Verdict) -> dict[str, dict[str, list[int]]]:
    return {
        table: {rule: found.tolist() for rule, found in sorted(rules.items())}
        for table, rules in verdict.failed_rows.items()
    }


def test_what_stands_beside_a_row_is_looked_for_in_its_own_parcel_only() -> None:
    patient = {"patient": a_table("patient", [a_row("patient", sex="male")])}
    again = a_row("problem", snomed_concept_id="77386006", record_token=TWICE, recorded_at=AN_INSTANT)
    problem = {"problem": a_table("problem", [again])}
    parcels = [Unvalidated(tables, EXTRACT_DATE, (), True) for tables in ({**patient, **problem}, problem, patient)]
    found = [verdict.warnings.get("problem", {}) for verdict in validate_shard(parcels, policy=Policy())]
    assert found == [{"pregnancy_in_a_man": 1}, {"patient_not_in_parcel": 1}, {}]


def test_a_steward_may_write_a_rule_with_an_expectation_of_great_expectations_itself(policy: Policy) -> None:
    """Ours are told apart from it: only the columns of such a rule are shown to it."""
    change(policy, "patient", 'expectation = "expect_numbers_in_range"\ncolumns = ["imd_decile"]', STOCK)
    change(policy, "patient", "{ least = 1, most = 10 }", "{ min_value = 1, max_value = 10 }")
    rows = [a_row("patient", imd_decile=decile) for decile in (1, 11, None, 10, 0)]
    found = verdict_on(policy, patient=rows).failed_rows["patient"]
    assert {rule: positions.tolist() for rule, positions in found.items()} == {"imd_decile_not_possible": [1, 4]}


STOCK = 'expectation = "expect_column_values_to_be_between"\ncolumns = ["imd_decile"]'


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("measurements.csv", ",20,60,260,400,", ",60,20,260,400,"),
        ("measurements.csv", ",20,60,260,400,", ",20,60,many,400,"),
        ("measurements.csv", "Body weight,g,", "Body weight,kg,"),
        ("codelists/pregnancy.csv", "snomed,77386006", "icd10,77386006"),
        ("codelists/local_codes.csv", "Y[0-9A-Za-z]{4}", "Y[0-9A-Za-z{4}"),
        ("codelists/lsoa_editions.csv", "2004-02-01", "in 2004"),
        ("expectations/recall.toml", 'only = "whole_record"', 'only = "sometimes"'),
        ("expectations/recall.toml", "local_code.known", "local_code.unknown"),
    ],
)
def test_a_list_that_cannot_be_trusted_stops_everything(policy: Policy, name: str, old: str, new: str) -> None:
    path = policy.folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises((PolicyRefused, ColumnMissing), match=r"policy"):
        verdict_on(policy, recall=[a_row("recall")])


def test_a_new_line_of_a_list_changes_the_fingerprint(policy: Policy) -> None:
    path = policy.folder / "codelists" / "local_codes.csv"
    path.write_text(path.read_text() + "Z\\d+,EMIS,New\n")
    assert read_rule_book(policy).sha256 != BOOK.sha256


@pytest.mark.parametrize("text", ["2229800100\n", "٢٢٢٩٨٠٠٦", "9Nu0.\n", "E01000001\n", "", " "])
def test_no_shape_lets_a_line_end_a_foreign_digit_or_nothing_at_all_pass(text: str) -> None:
    columns = {"snomed_concept_id": text, "snomed_description_id": text, "read_v2_code": text, "ctv3_code": text}
    found = verdict_on(
        recall=[a_row("recall", **columns, local_code=text)],
        patient=[a_row("patient", lsoa_code=text)],
        organisation=[a_row("organisation", ods_code=text)],
        staff_role=[a_row("staff_role", job_category_code=text)],
    ).failed_rows
    all_shapes = {rule.id for table in TABLES for rule in BOOK.rules[table] if rule.id.endswith("_shape")}
    assert {rule for rules in found.values() for rule in rules} == all_shapes - {"dmd_shape"}


def test_a_parcel_of_nothing_fails_nothing() -> None:
    found = validate_tables({}, extract_date=EXTRACT_DATE, policy=Policy())
    assert (found.failed_rows, found.held_because) == ({}, ())


CODED = {"snomed_concept_id": "22298006", "effective_date": date(2020, 1, 1)}


USUAL = Profile({"observation": 400, "recall": 400}, {"value": 300, "problem": 100}, {"snomed_concept_id": 400})
MEASURED = {"snomed_concept_id": BLOOD_PRESSURE, "value": 120.0, "value_unit": "mmHg", "observation_type": "value"}
# What breaks each rule about parcels: rows by table, and nights before.
Rows = dict[str, list[dict[str, Any]]]


def many(table: str, count: int, **values: Any) -> Rows:
    return {table: [a_row(table, **values) for _ in range(count)]}


PARCELS: dict[str, tuple[Rows, list[Profile]]] = {
    "too_many_uncoded": (many("observation", 300), []),
    "too_many_undated": (many("recall", 300, snomed_concept_id="22298006", effective_date=None), []),
    "too_many_deleted": (many("recall", 300, is_deleted=True), []),
    "table_empty": (many("patient", 100) | many("observation", 1, **CODED), []),
    "volume_unusual": (many("staff_role", 2001), [Profile({"staff_role": 200})] * 3),
    "history_too_short": (many("recall", 1), [USUAL] * 2),
    "table_volume_unusual": (many("observation", 300, **MEASURED) | many("recall", 79), [USUAL] * 3),
    "table_lost": (many("observation", 400, **MEASURED), [USUAL] * 5),
    "data_kind_lost": (many("observation", 200, **MEASURED) | many("recall", 200), [USUAL] * 5),
    "code_system_lost": (
        many("observation", 300, **{**MEASURED, "snomed_concept_id": None, "ctv3_code": "XaZ89"}),
        [USUAL] * 5,
    ),
    "mix_unusual": (many("observation", 300, **{**MEASURED, "observation_type": "problem"}), [USUAL] * 3),
    "code_systems_unusual": (
        many("observation", 300, **{**MEASURED, "snomed_concept_id": None, "ctv3_code": "XaZ89"}),
        [USUAL] * 3,
    ),
    "values_lost": (many("observation", 300, **{**MEASURED, "value": None}), []),
    "values_going_missing": (
        {
            "observation": [
                a_row("observation", **{**MEASURED, "value": (n % 10 and 120.0) or None}) for n in range(300)
            ]
        },
        [],
    ),
    "too_many_in_future": ({"recall": []} | many("encounter", 300, effective_date=date(2026, 9, 3)), []),
    "patients_lost": (many("patient", 1) | many("recall", 300, registration_token=STRANGER), []),
    "references_lost": (many("patient", 1) | many("recall", 300, staff_role_token=STRANGER), []),
    "persons_lost": (many("patient", 300, patient_token=None), []),
    "sent_again_under_new_ids": (many("allergy", 300, recorded_at=AN_INSTANT), []),
}


@pytest.fixture(scope="module")
def wrong_as_a_whole() -> dict[str, Verdict]:
    parcels = [
        Unvalidated({table: a_table(table, of_table) for table, of_table in rows.items()}, EXTRACT_DATE, earlier, True)
        for rows, earlier in PARCELS.values()
    ]
    return dict(zip(PARCELS, validate_shard(parcels, policy=Policy()), strict=True))


@pytest.mark.parametrize("rule", BOOK.rules[PARCEL], ids=lambda rule: rule.id)
def test_a_parcel_that_is_wrong_as_a_whole_is_held_or_counted(rule: Any, wrong_as_a_whole: dict[str, Verdict]) -> None:
    found = wrong_as_a_whole[rule.id]
    assert {result.rule: result.failed for result in found.rules if result.table == PARCEL}[rule.id] == 1
    held = [reason.split(":")[0] for reason in found.held_because]
    if rule.severity == Severity.HOLD_PARCEL:
        assert rule.id in held
    else:
        assert found.warnings[PARCEL][rule.id] == 1
        assert rule.id not in held


def test_every_rule_about_parcels_has_a_test() -> None:
    assert {rule.id for rule in BOOK.rules[PARCEL]} == set(PARCELS)


def test_a_usual_night_breaks_no_rule() -> None:
    tables = {
        "observation": a_table(
            "observation",
            many("observation", 300, **MEASURED)["observation"]
            + many("observation", 100, **CODED, observation_type="problem")["observation"],
        ),
        "recall": a_table("recall", many("recall", 400)["recall"]),
        "patient": a_table("patient", many("patient", 1)["patient"]),
    }
    found = validate_shard([Unvalidated(tables, EXTRACT_DATE, [USUAL] * 5, True)], policy=Policy())[0]
    assert (found.failed_rows, found.warnings, found.held_because) == ({}, {}, ())
    assert found.profile.observation_types == {"value": 300, "problem": 100}


def test_what_was_lost_is_named(wrong_as_a_whole: dict[str, Verdict]) -> None:
    (reason,) = (each for each in wrong_as_a_whole["table_lost"].held_because if each.startswith("table_lost"))
    assert reason.startswith("table_lost: tables_lost is 1 (recall).")


def test_a_quiet_night_has_lost_nothing() -> None:
    tables = {"observation": a_table("observation", many("observation", 30, **MEASURED)["observation"])}
    found = validate_shard([Unvalidated(tables, EXTRACT_DATE, [USUAL] * 5)], policy=Policy())[0]
    assert [reason.split(":")[0] for reason in found.held_because] == ["volume_unusual"]


def test_what_a_nights_changes_refer_to_need_not_be_among_them() -> None:
    rows = [a_row("recall", registration_token=STRANGER, staff_role_token=STRANGER)]
    found = validate_shard([Unvalidated({"recall": a_table("recall", rows)}, EXTRACT_DATE)], policy=Policy())[0]
    assert found.warnings == {PARCEL: {"history_too_short": 1}}
    of_whole = {rule.id for rule in BOOK.rules["recall"] if rule.only == Only.WHOLE_RECORD}
    assert {result.seen for result in found.rules if result.rule in of_whole} == {0}


@pytest.mark.parametrize(
    ("rows", "usual_rows", "held"),
    [(99, 1000, True), (100, 1000, False), (2001, 200, True), (2000, 200, False), (1, 199, False), (1, None, False)],
)
def test_a_night_that_is_much_smaller_or_larger_than_usual_is_held(
    rows: int, usual_rows: int | None, held: bool
) -> None:
    tables = {"staff_role": a_table("staff_role", [a_row("staff_role")] * rows)}
    earlier = [Profile({"staff_role": usual_rows})] * 3 if usual_rows else []
    found = validate_shard([Unvalidated(tables, EXTRACT_DATE, earlier)], policy=Policy())[0]
    assert [reason.split(":")[0] for reason in found.held_because] == ["volume_unusual"] * held


def test_few_rows_hold_no_parcel() -> None:
    assert verdict_on(recall=[a_row("recall")] * 199).held_because == ()


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    return Policy(tmp_path / "policy")


def change(policy: Policy, table: str, old: str, new: str) -> None:
    path = policy.folder / "expectations" / f"{table}.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_steward_can_change_a_rule_without_code(policy: Policy) -> None:
    before = verdict_on(policy, patient=[a_row("patient", year_of_birth=1891)])
    change(policy, "patient", "least = 1890", "least = 1892")
    after = verdict_on(Policy(policy.folder), patient=[a_row("patient", year_of_birth=1891)])
    assert (before.failed_rows, list(after.failed_rows["patient"])) == ({}, ["year_of_birth_too_early"])
    assert before.suite_sha256 != after.suite_sha256


def test_a_new_word_on_a_list_changes_the_fingerprint_too(policy: Policy) -> None:
    before = read_rule_book(policy).sha256
    path = policy.folder / "vocabularies.toml"
    path.write_text(path.read_text().replace('"male", ', '"male", "indeterminate", ', 1))
    assert read_rule_book(Policy(policy.folder)).sha256 != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('owner = "Data steward"\n', ""),
        ('severity = "drop_row"', 'severity = "ignore"'),
        ('severity = "drop_row"', 'severity = "hold_parcel"'),
        ('id = "word_not_on_list"', 'id = "missing_required"'),
        ('expectation = "expect_listed_words"', 'expectation = "expect_magic"'),
        ("{ least = 1890, ", "{ lowest = 1890, "),
        ("[[rule]]", "[rule"),
        ('columns = ["sex"', 'columns = ["eye_colour"'),
    ],
)
def test_a_rule_file_that_cannot_be_trusted_stops_everything(policy: Policy, old: str, new: str) -> None:
    change(policy, "patient", old, new)
    with pytest.raises(PolicyRefused, match=r"policy/"):
        verdict_on(policy, patient=[a_row("patient")])


def test_a_missing_rule_file_stops_everything(policy: Policy) -> None:
    (policy.folder / "expectations" / "recall.toml").unlink()
    with pytest.raises(PolicyRefused, match=r"expectations/recall\.toml"):
        verdict_on(policy, patient=[a_row("patient")])


CANARY = "ZEBRACANARY99"


def test_a_rule_that_cannot_be_carried_out_stops_the_load_and_quotes_nothing(
    policy: Policy, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    change(policy, "patient", '["year_of_birth", "extract_year"]', '["sex", "extract_year"]')
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ValidationBroke, match="rule born_in_future could not be carried out") as caught:
        verdict_on(policy, patient=[a_row("patient", sex=CANARY)])
    captured = capfd.readouterr()
    assert CANARY not in f"{caught.value}{caught.value.__cause__}{caplog.text}{captured.out}{captured.err}"


def test_great_expectations_does_not_log_the_messages_of_errors() -> None:
    Suites(BOOK)
    assert not logging.getLogger("great_expectations.validator.validation_graph").isEnabledFor(logging.ERROR)


def test_values_of_failing_rows_are_nowhere_in_verdict_log_or_output(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    rows = [a_row("observation", local_code=f"{CANARY} a sentence", value_unit=CANARY)] * 300
    found = verdict_on(observation=rows, patient=[a_row("patient", lsoa_code=CANARY)])
    assert len(found.failed_rows["observation"]["word_not_on_list"]) == 300
    captured = capfd.readouterr()
    assert CANARY not in f"{found}{caplog.text}{captured.out}{captured.err}"


def test_a_word_that_is_on_no_list_is_not_what_a_parcel_is_made_of():
    """The make-up is kept in the ledger, and what of it is lost is named to people: free text must not come in by it."""
    found = verdict_on(observation=[a_row("observation", observation_type="Zebrowska, 9990000018") for _ in range(3)])
    assert found.profile.observation_types == {"not listed": 3}
    assert "Zebrowska" not in repr((found.profile, found.held_because, found.warnings, found.rules))
