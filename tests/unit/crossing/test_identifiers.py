"""Check digits, against values worked out by hand elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossing.identifiers import canonical_nhs_number, is_nhs_number, is_snomed_id


@pytest.mark.parametrize("number", ["9990548609", "8429141456", "9434765919"])
def test_valid_nhs_numbers(number: str) -> None:
    assert is_nhs_number(number)


@pytest.mark.parametrize(
    "number",
    [
        "9434765918",
        "1234567890",
        "1111111111",
        "0000000000",
        "9999999999",
        "943476591",
        "94347659190",
        "943476591x",
        "٩٤٣٤٧٦٥٩١٩",
        "",
    ],
)
def test_what_is_not_an_nhs_number(number: str) -> None:
    assert not is_nhs_number(number)


@pytest.mark.parametrize("written", ["943 476 5919", "943-476-5919", " 9434765919 "])
def test_one_canonical_form(written: str) -> None:
    assert canonical_nhs_number(written) == "9434765919"


def test_no_number_has_no_canonical_form() -> None:
    assert canonical_nhs_number(None) is None
    assert canonical_nhs_number("") is None


@given(st.integers(0, 9999999999).map(lambda n: f"{n:010d}"), st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_is_always_noticed(number: str, position: int, digit: int) -> None:
    changed = number[:position] + str(digit) + number[position + 1 :]
    if is_nhs_number(number) and changed != number:
        assert not is_nhs_number(changed)


@pytest.mark.parametrize(
    "concept", ["22298006", "322236009", "827241000000103", "1240591000000102", "39113311000001107"]
)
def test_valid_snomed_concepts(concept: str) -> None:
    assert is_snomed_id(concept)


@pytest.mark.parametrize("concept", ["827241000000104", "022298006", "22298", "22298006x", "2229800612345678901"])
def test_what_is_not_a_snomed_concept(concept: str) -> None:
    assert not is_snomed_id(concept)
