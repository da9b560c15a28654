"""Numbers and codes look real where they must, and can belong to nobody."""

import csv
from pathlib import Path

import numpy as np
import pytest

from simulator import places
from simulator.check_digits import made_up_snomed_id, nhs_number_is_valid, nhs_numbers_for_tests, snomed_id_is_valid
from simulator.codes import CODES, DRUGS, Role

POLICY = Path(__file__).parents[3] / "include" / "policy"


def policy_rows(name: str) -> list[dict[str, str]]:
    lines = [line for line in (POLICY / name).read_text().splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def test_every_nhs_number_is_valid_and_in_the_test_range() -> None:
    numbers = nhs_numbers_for_tests()
    assert len(numbers) > 900_000
    assert numbers[0] >= 9_990_000_000
    assert numbers[-1] <= 9_999_999_999
    sample = np.random.default_rng(1).choice(numbers, 500)
    assert all(nhs_number_is_valid(str(number)) for number in sample)


@pytest.mark.parametrize("wrong", ["9990548608", "9000543664", "999054860", "99905486090", "999054860x", ""])
def test_wrong_nhs_numbers_are_seen(wrong: str) -> None:
    assert nhs_number_is_valid("9990548609")
    assert not nhs_number_is_valid(wrong)


@pytest.mark.parametrize(
    "concept", ["22298006", "322236009", "827241000000103", "1240591000000102", "39113311000001107"]
)
def test_known_snomed_ids_are_valid_and_their_neighbours_are_not(concept: str) -> None:
    assert snomed_id_is_valid(concept)
    assert not snomed_id_is_valid(concept[:-1] + str((int(concept[-1]) + 1) % 10))
    assert not snomed_id_is_valid(concept, partitions=("01", "11"))


def test_a_made_up_id_is_well_formed() -> None:
    assert snomed_id_is_valid(made_up_snomed_id(999000))


@pytest.mark.parametrize("code", [*(code.snomed for code in CODES if code.snomed), *(drug.dmd for drug in DRUGS)])
def test_every_code_used_is_a_snomed_id_and_no_nhs_number(code: str) -> None:
    assert snomed_id_is_valid(code)
    assert not nhs_number_is_valid(code)


def test_all_kinds_of_data_of_the_notice_have_codes() -> None:
    assert {code.role for code in CODES} == set(Role)


def spellings(*roles: Role) -> set[str]:
    return {spelling for code in CODES if code.role in roles for spelling in (code.snomed, code.read[:5]) if spelling}


def test_the_restricted_codes_are_those_of_policy() -> None:
    assert spellings(Role.RESTRICTED) == {row["code"] for row in policy_rows("codelists/legally_restricted.csv")}


@pytest.mark.parametrize(
    ("role", "meanings"),
    [
        (Role.DISSENT, {"dissent"}),
        (Role.WITHDRAWAL, {"withdrawal"}),
        (Role.TYPE_TWO, {"type_two_dissent"}),
    ],
)
def test_the_opt_out_codes_are_those_of_policy(role: Role, meanings: set[str]) -> None:
    rows = policy_rows("codelists/type_one_opt_out.csv")
    assert spellings(role) == {row["code"] for row in rows if row["meaning"] in meanings}


def test_no_other_code_is_an_opt_out_or_restricted() -> None:
    otherwise = {Role.DISSENT_SPELT_OTHERWISE, Role.WITHDRAWAL_SPELT_OTHERWISE}
    special = {Role.RESTRICTED, Role.DISSENT, Role.WITHDRAWAL, Role.TYPE_TWO, *otherwise}
    listed = {
        row["code"]
        for name in ("legally_restricted", "type_one_opt_out")
        for row in policy_rows(f"codelists/{name}.csv")
    }
    assert spellings(*(set(Role) - special)).isdisjoint(listed)


def test_the_postcode_directory_of_policy_is_the_simulators() -> None:
    expected = [
        {"postcode": places.postcode(i), "lsoa_code": places.lsoa_code(i), "imd_decile": str(places.imd_decile(i))}
        for i in range(places.LISTED)
    ]
    assert policy_rows("codelists/postcode_lsoa.csv") == expected
    assert len({row["postcode"] for row in expected}) == places.LISTED
    assert {row["imd_decile"] for row in expected} == {str(decile) for decile in range(1, 11)}


def test_some_postcodes_are_in_no_directory() -> None:
    listed = {row["postcode"] for row in policy_rows("codelists/postcode_lsoa.csv")}
    assert listed.isdisjoint({*places.UNLISTED, *places.NO_FIXED_ABODE})
