"""Clear or tokenised already: what policy says of a practice is what its attributes must hold."""

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from crossing.errors import PersonMustAct
from crossing.policy import Policy, policy_folder
from source_zone.adapters.gpdpr_xml.adapter import GpdprXml
from source_zone.generalise import Generalisations, generalise
from source_zone.identified import ReadTally, schema
from source_zone.release_practice import release_practice
from support.gpdpr_files import a_patient, an_observation, write_extract
from support.gpdpr_tokenised import KEY_NAME, token, tokenised_policy
from support.source_zone import a_practice, make_source_zone

KEY = bytes(range(32))
NHS = token("nhs_number", "9990548609", KEY)
TOKENISED = {
    "patient_id_deid": NHS,
    "date_of_birth_deid": token("date_of_birth_deid", "1960-05-17", KEY),
    "postcode_deid": "",
    "week_of_birth": "1960-W20",
    "lsoa": "E01999001",
}


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return Policy(tokenised_policy(policy_folder(), tmp_path / "policy"))


def read_patient(folder: Path, policy: Policy, key_name: str = KEY_NAME, **cells: str) -> dict[str, Any]:
    write_extract(folder, [[a_patient("p", **{**TOKENISED, **cells})]])
    adapter = GpdprXml("Y99001", policy, key_name)
    batches = [*adapter.read(adapter.find_extracts(folder)[0], ReadTally())]
    return dict(batches[0].rows.to_pylist()[0])


def test_a_token_of_ours_is_passed_on_with_weeks_and_area(tmp_path: Path, policy: Policy) -> None:
    row = read_patient(tmp_path / "in", policy)
    assert row["ready_patient_token"] == bytes.fromhex(NHS.removeprefix(f"{KEY_NAME}:"))
    assert (row["date_of_birth"], row["dates_are_weeks"]) == (date(1960, 5, 16), True)
    assert (row["ready_lsoa_code"], row["nhs_number"], row["postcode"], row["fault"]) == ("E01999001", None, None, None)


@pytest.mark.parametrize(
    "number",
    [
        "9990548609",
        f"{KEY_NAME}:{'9990548609':0>32}",
        f"{KEY_NAME}:{b'9990548609'.hex():f<32}",
        NHS.removeprefix(f"{KEY_NAME}:"),
        NHS.replace("-v1:", "-v2:"),
        NHS.upper(),
        NHS[:-1],
        NHS + "0",
        NHS + "\u2028",
        f" {NHS}",
    ],
)
@pytest.mark.parametrize("column", ["patient_id_deid", "local_id_deid", "postcode_deid", "date_of_death_deid"])
def test_anything_else_where_tokens_are_promised_stops_the_practice(
    tmp_path: Path, policy: Policy, column: str, number: str
) -> None:
    with pytest.raises(PersonMustAct, match=f"1 values of {column} are not tokens of this run's key") as refused:
        read_patient(tmp_path / "in", policy, **{column: number})
    assert number not in str(refused.value)


@pytest.mark.parametrize("number", [NHS, NHS.removeprefix(f"{KEY_NAME}:"), "ab" * 32, "v1:abc"])
def test_a_token_where_clear_values_are_promised_stops_the_practice(tmp_path: Path, number: str) -> None:
    with pytest.raises(PersonMustAct, match="1 values of patient_id_deid are not clear values") as refused:
        read_patient(tmp_path, Policy(), patient_id_deid=number, date_of_birth_deid="1960-05-17")
    assert number not in str(refused.value)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"key_version": "token-gpdpr-v2"}, "names another key version than this run's, token-gpdpr-v1"),
        ({"deid": "either"}, "does not say clear or tokenised"),
        ({"deid": ""}, "does not say clear or tokenised"),
        ({"reviewed_by": ""}, "who reviewed it"),
        ({"supplier_holds_back_marked": "no"}, "holds back what is marked"),
    ],
)
def test_a_practice_that_policy_does_not_settle_is_refused(tmp_path: Path, how: dict, said: str) -> None:
    policy = Policy(tokenised_policy(policy_folder(), tmp_path / "policy", **how))
    with pytest.raises(PersonMustAct, match=said):
        read_patient(tmp_path / "in", policy)


@pytest.mark.runbook("DeidNotAgreed")
def test_a_practice_without_a_row_is_refused(tmp_path: Path, policy: Policy) -> None:
    write_extract(tmp_path / "in", [[a_patient("p")]])
    adapter = GpdprXml("Y99002", policy, KEY_NAME)
    with pytest.raises(PersonMustAct, match="has 0 rows for it"):
        [*adapter.read(adapter.find_extracts(tmp_path / "in")[0], ReadTally())]


@pytest.mark.parametrize(
    ("week", "monday"),
    [
        ("1960-W20", date(1960, 5, 16)),
        ("2004-W53", date(2004, 12, 27)),
        ("1960-05-16", date(1960, 5, 16)),
        ("1960-05-22", date(1960, 5, 16)),
        ("1960-W54", None),
        ("2005-W53", None),
        ("1960", None),
        ("", None),
    ],
)
def test_a_week_is_known_by_its_monday(tmp_path: Path, policy: Policy, week: str, monday: date | None) -> None:
    row = read_patient(tmp_path / "in", policy, week_of_birth=week)
    assert (row["date_of_birth"], row["fault"]) == (monday, None if monday else "unreadable_date")


@pytest.mark.parametrize(
    ("monday", "registered", "year", "kept"),
    [
        (date(2003, 12, 29), date(2004, 6, 1), 2004, False),
        (date(2003, 12, 29), date(2003, 12, 30), 2004, False),
        (date(2004, 12, 27), date(2005, 1, 1), 2004, False),
        (date(1960, 5, 16), date(2001, 1, 1), 1960, True),
    ],
)
def test_the_year_of_a_week_is_the_one_most_of_its_days_are_in(
    monday: date, registered: date, year: int, kept: bool
) -> None:
    row = {
        "date_of_birth": monday,
        "registered_date": registered,
        "dates_are_weeks": True,
        "ready_lsoa_code": "E01999001",
    }
    how = Generalisations.from_policy(Policy())
    made = generalise("patient", _frame(row), how, _count()).to_dicts()[0]
    assert (made["year_of_birth"], made["registered_date"]) == (year, registered if kept else None)
    assert (made["lsoa_code"], made["imd_decile"]) == ("E01999001", 1)


def test_an_area_that_is_not_on_the_list_is_none() -> None:
    row = {"dates_are_weeks": True, "ready_lsoa_code": "E01000001"}
    made = generalise("patient", _frame(row), Generalisations.from_policy(Policy()), _count()).to_dicts()[0]
    assert (made["lsoa_code"], made["imd_decile"]) == (None, None)


def test_an_objection_holds_for_the_person_whose_token_is_the_same(tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path, policy=tokenised_policy(policy_folder(), tmp_path / "policy"))
    no = an_observation("then", "no", "827241000000103")
    write_extract(zone.deliveries, [[a_patient("then", **TOKENISED), no], [a_patient("now", **TOKENISED)]])
    outcome = release_practice(zone.release(practice=a_practice(format_="gpdpr_xml")))
    assert outcome["patients_held_back"] == {"type_one_opt_out": 2}


def _frame(row: dict[str, Any]) -> pl.DataFrame:
    columns = {name: [row.get(name)] for name in schema("patient").names}
    return pl.DataFrame(columns, schema=pl.DataFrame(pl.from_arrow(schema("patient").empty_table())).schema)


def _count() -> Any:
    from collections import Counter

    return Counter()
