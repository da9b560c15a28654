"""docs/data-dictionary.md and docs/gdppr.md say what the models, policy and the layout say."""

import re

from central_zone.store.tables import metadata
from crossing.canonical import TABLES
from crossing.policy import Policy
from dictionary import gdppr_page, page
from dictionary.sources import FORMATS, sources
from rule_pages.page import HOW_TO_MAKE


def test_the_dictionary_says_what_the_models_and_policy_say() -> None:
    assert page.PAGE.read_text() == page.page(), f"Make it anew: {HOW_TO_MAKE}"


def test_the_page_of_the_layout_says_what_the_layout_says() -> None:
    assert gdppr_page.PAGE.read_text() == gdppr_page.page_as_it_should_be(), f"Make it anew: {HOW_TO_MAKE}"


def test_every_schema_has_its_words() -> None:
    assert page.unknown_schemas() == set()


def test_every_column_of_the_store_is_in_the_dictionary_with_a_meaning() -> None:
    text = page.page()
    told = {section.partition("\n")[0]: section for section in text.split("### ")[1:]}
    assert told.keys() == {f"{table.schema}.{table.name}" for table in metadata.tables.values()}
    without = [
        f"{table.schema}.{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.c
        if not re.search(
            rf"^\| `{column.name}` \| [a-z ]+ \| (yes|no) \| [A-Za-z].+ \|$", told[f"{table.schema}.{table.name}"], re.M
        )
    ]
    assert without == [], "Say what it means in include/central_zone/store/meanings.toml."


def test_every_column_of_a_record_comes_from_some_field_of_some_format() -> None:
    found = sources(Policy())
    columns = {(table, column.name) for table, columns in TABLES.items() for column in columns}
    assert columns - found.keys() == set()
    assert found.keys() <= columns
    assert {format for by_format in found.values() for format in by_format} == set(FORMATS)


def test_a_patients_columns_come_from_where_everybody_knows_they_come_from() -> None:
    found = sources(Policy())["patient", "patient_token"]
    assert {format: [(field.name, field.action) for field in fields] for format, fields in found.items()} == {
        "emis_csv": [("Admin_Patient.NhsNumber", "token")],
        "tpp_csv": [("SRPatient.NHSNumber", "token")],
        "medicus_csv": [("patient.nhs_number", "token")],
        "gpdpr_xml": [("patient.patient_id_deid", "token")],
        "fhir_r4": [("Patient.identifier", "token")],
        "gp_connect": [("Patient.identifier", "token")],
    }
