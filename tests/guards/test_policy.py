"""Policy is closed: every column a supplier sends has a rule and a reason, and every rule is about something."""

import re
from datetime import date
from itertools import chain

import pytest

from crossing.canonical import TABLES, Kind
from crossing.policy import Policy, policy_folder
from source_zone.adapters.emis_csv.tables import CLINICAL_CODE, DRUG_CODE, MAPPINGS
from source_zone.adapters.known_columns import KnownColumns
from source_zone.identified import identified_name
from source_zone.rules import read_rules

ACTIONS = {"keep", "token", "generalise", "decide", "drop"}
EMIS = Policy().table("fields/emis_csv.toml")
CANONICAL = {column.name for columns in TABLES.values() for column in columns}


CSV_FORMATS = sorted(
    path.name.removesuffix("_headers.toml") for path in (policy_folder() / "fields").glob("*_headers.toml")
)


@pytest.mark.parametrize("format_name", CSV_FORMATS)
def test_every_column_of_every_header_has_its_line_and_every_line_a_header(format_name: str) -> None:
    known = KnownColumns.read(Policy(), format_name, date(2026, 1, 1))
    assert known.fields
    assert "emis_csv" in CSV_FORMATS


@pytest.mark.parametrize("table", EMIS)
def test_every_emis_column_has_an_action_and_a_reason(table: str) -> None:
    for column, rule in EMIS[table].items():
        assert rule["action"] in ACTIONS, f"{table}.{column}: say keep, token, generalise, decide or drop."
        assert len(rule["why"]) > 4, f"{table}.{column}: say why."
        assert (rule["action"] in ("keep", "token", "generalise")) == bool(rule.get("to")), (
            f"{table}.{column}: name where it goes."
        )


def test_what_travels_goes_to_columns_that_exist() -> None:
    named = chain.from_iterable(
        rule["to"].split(", ") for table in EMIS.values() for rule in table.values() if "to" in rule
    )
    assert set(named) - CANONICAL == set()


def test_a_column_is_read_only_if_policy_lets_it() -> None:
    """Each mapping runs on a frame that has just the columns policy says are read: one more and it would fail."""
    import polars as pl

    from source_zone.adapters.emis_csv.codes import ClinicalCodes, DrugCodes

    codes = ClinicalCodes.read([pl.DataFrame({name: ["1"] for name in EMIS["Coding_ClinicalCode"]})], None)
    drugs = DrugCodes.read([pl.DataFrame({name: ["1"] for name in EMIS["Coding_DrugCode"]})], None)
    for table, mapping in MAPPINGS.items():
        read = [name for name, rule in EMIS[table].items() if rule["action"] != "drop" and "same_as" not in rule]
        rows = pl.DataFrame({name: ["1"] for name in read})
        if table in CLINICAL_CODE | DRUG_CODE:
            rows = (drugs if table in DRUG_CODE else codes).join(rows, (CLINICAL_CODE | DRUG_CODE)[table][1])
        mapped = mapping(rows)
        for canonical, frame in mapped.items():
            family = [*TABLES[canonical], *(TABLES["observation"] if table == "CareRecord_Observation" else ())]
            known = {identified_name(column.name) for column in family}
            extra = (
                set(frame.columns)
                - known
                - {
                    "further_codes",
                    "nhs_number",
                    "date_of_birth",
                    "date_of_death",
                    "postcode",
                    "is_test_patient",
                    "is_confidential",
                    "fault",
                }
            )
            assert extra == set(), f"{table} maps to columns {extra} that {canonical} does not have"


def test_every_closed_column_has_its_words() -> None:
    policy = Policy()
    for columns in TABLES.values():
        for column in columns:
            if column.kind == Kind.CLOSED:
                assert policy.vocabulary(column.name)


def test_every_code_column_has_its_shape_and_a_reason() -> None:
    codes = {column.name for columns in TABLES.values() for column in columns if column.kind == Kind.CODE}
    shapes = Policy().table("code_shapes.toml")
    assert set(shapes) == codes
    assert all(shape["why"] for shape in shapes.values())


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("local_code", "Smith"),
        ("local_code", "SMITH JOHN"),
        ("local_code", "Young"),
        ("local_code", "YOUNG"),
        ("local_code", "Yvette"),
        ("local_code", "Y.oun"),
        ("local_code", "LS14AP"),
        ("local_code", "07700900123"),
        ("local_code", "17051960"),
        ("local_code", "9990548609"),
        ("local_code", "a@b.uk1"),
        ("read_v2_code", "Smith"),
        ("ctv3_code", "Smith"),
        ("ods_code", "SMITH"),
        ("ods_code", "LS14AP"),
        ("job_category_code", "Dr Smith"),
    ],
)
def test_what_is_no_code_does_not_look_like_one(column: str, text: str) -> None:
    shape = Policy().code_shapes()[column]
    assert not re.search(shape.pattern, text) or (shape.never and re.search(shape.never, text))


@pytest.mark.parametrize(
    ("column", "code"),
    [
        ("local_code", "EMISNQSU12"),
        ("local_code", "YavKM"),
        ("local_code", "Y2f27"),
        ("local_code", "Y12.."),
        ("local_code", "^ESCT123456"),
        ("local_code", "PARA22333NEMIS"),
        ("local_code", "90371998"),
        ("read_v2_code", "9Nu0."),
        ("read_v2_code", "9Nu0.00"),
        ("read_v2_code", "H33..-1"),
        ("ctv3_code", "XaZ89"),
        ("ctv3_code", "XaBVJ"),
        ("ods_code", "Y99001"),
        ("ods_code", "RXH"),
        ("job_category_code", "R0260"),
    ],
)
def test_real_codes_do(column: str, code: str) -> None:
    shape = Policy().code_shapes()[column]
    assert re.search(shape.pattern, code)
    assert not (shape.never and re.search(shape.never, code))


def test_every_list_of_words_is_used_and_reasoned() -> None:
    closed = {column.name for columns in TABLES.values() for column in columns if column.kind == Kind.CLOSED}
    words = Policy().table("vocabularies.toml")
    assert set(words) == closed
    assert all(entry["why"] for entry in words.values())


def test_no_canonical_column_can_hold_text_or_a_whole_date_of_birth() -> None:
    for table, columns in TABLES.items():
        for column in columns:
            if str(column.type) == "string":
                assert column.kind in (Kind.CODE, Kind.CLOSED), f"{table}.{column.name}"
            assert column.name not in ("date_of_birth", "date_of_death", "postcode", "nhs_number", "name")


def test_real_records_are_refused_while_the_collection_is_synthetic_only() -> None:
    from source_zone.rules import ListMissing

    with pytest.raises(ListMissing, match="synthetic practices only"):
        read_rules(Policy(), "gpdpr", synthetic=False)
