"""What may become a token, where it may be made, and that nothing else ever does."""

import ast
from pathlib import Path

import pyarrow as pa
import pytest

from crossing.canonical import NOTICES, TABLES, Kind
from crossing.key_files import KeyRefused
from source_zone import identified
from source_zone.keys import TOKEN_FIELDS, field_key

INCLUDE = Path(__file__).parents[2] / "include"
# Each of these hashes a column, and is read by whoever changes what is hashed.
MAKES_TOKENS = {
    "source_zone/pseudonymise.py",
    "central_zone/tokens.py",
    "central_zone/project_tokens.py",
    "central_zone/erasures/marks.py",
    "central_zone/erasures/release_tokens.py",
    "central_zone/erasures/strip.py",
    "central_zone/reidentification/find_people.py",
    "central_zone/rotation/move_released.py",
    "central_zone/rotation/pairs.py",
    "crossing/tokens.py",
}
NEVER = ("date", "dob", "birth", "death", "postcode", "lsoa", "year", "month", "sex", "name", "phone", "email")


def test_tokens_are_made_of_two_fields_and_no_more() -> None:
    assert TOKEN_FIELDS == ("local_id", "nhs_number"), "A new token needs a decision, vectors and a canonical form."


@pytest.mark.parametrize("field", ["date_of_birth", "postcode", "dob", "lsoa_code", "", "LOCAL_ID", "local_id|v1"])
def test_no_key_is_made_for_any_other_field(field: str) -> None:
    with pytest.raises(KeyRefused, match="only of local_id and nhs_number"):
        field_key(bytes(range(32)), "gpdpr", field, 1)


def token_columns() -> set[str]:
    return {
        column.name
        for columns in (*TABLES.values(), *NOTICES.values())
        for column in columns
        if column.kind == Kind.TOKEN
    }


@pytest.mark.parametrize("column", sorted(token_columns()))
def test_no_token_column_is_of_a_date_or_a_place(column: str) -> None:
    assert column.endswith("_token")
    assert not any(word in column.removesuffix("_token").split("_") for word in NEVER), column


@pytest.mark.parametrize("table", TABLES)
def test_what_becomes_a_token_is_an_id_in_words(table: str) -> None:
    """On the source's side each is a text named ..._id; the person's alone is made of the NHS number."""
    fields = {field.name: field.type for field in identified.schema(table)}
    for column in TABLES[table]:
        if column.kind == Kind.TOKEN and column.name != "patient_token":
            assert fields[identified.identified_name(column.name)] == pa.string()


def test_tokens_are_made_in_few_places_and_each_is_known() -> None:
    found = {
        str(path.relative_to(INCLUDE))
        for path in INCLUDE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Attribute) and node.attr in ("hmac_sha256", "chash"))
        or (isinstance(node, ast.ImportFrom) and node.module == "crossing.tokens")
    }
    assert found == MAKES_TOKENS, "Who makes tokens stands in this list, and in docs/tokens.md."
