"""Every fault that records for research are known to have is looked for by a rule, or it is said why none can."""

import pytest

from central_zone.expectations.rules import PARCEL, read_rule_book
from crossing.canonical import TABLES
from crossing.policy import Policy

FAULTS = Policy().table("known_faults.toml")["fault"]
BOOK = read_rule_book(Policy())
RULES = {rule.id for table in (*TABLES, PARCEL) for rule in BOOK.rules[table]}
# The rows of the table of known problems (domain, 3.3), and what the issue adds to them.
KNOWN = {
    *("dates_in_the_future", "dates_impossibly_long_ago", "dates_missing", "dates_before_birth_or_after_death"),
    *("born_after_death", "nobody_described", "birth_impossible", "only_empty_deaths", "all_dates_missing"),
    *("death_registered_before_it_happened", "pregnancy_in_men", "prostate_cancer_in_women"),
    *("one_person_in_several_practices", "too_many_people", "no_start_and_end", "opted_out_people_stop"),
    *("codes_that_are_none", "ethnicity_twice", "areas_of_mixed_years", "values_lost_in_export", "values_out_of_range"),
    *("appointments_not_countable", "tpp_faults", "silent_loss", "sent_twice", "torn_references"),
}
# Rules that are ours alone: about what may not cross, or about cells that no published list of faults speaks of.
OF_OUR_OWN = {
    *("missing_required", "word_not_on_list", "identifier_in_code", "job_category_shape", "ods_code_shape"),
    *("month_not_possible", "imd_decile_not_possible", "closed_before_it_opened", "ended_before_it_began"),
    *("minutes_not_possible", "course_not_possible"),
}


def test_every_known_fault_has_its_entry_once() -> None:
    assert sorted(fault["id"] for fault in FAULTS) == sorted(KNOWN)


def test_each_of_the_eight_rules_of_bhf_has_its_entry() -> None:
    assert sorted(fault["bhf"] for fault in FAULTS if "bhf" in fault) == list(range(1, 9))


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault["id"])
def test_every_fault_names_rules_that_exist_and_says_what_is_left(fault: dict[str, object]) -> None:
    assert set(fault) - {"bhf"} == {"id", "problem", "seen", "rules", "why"}
    assert set(fault["rules"]) - RULES == set()  # type: ignore[call-overload]  # a line of TOML has no types
    assert len(str(fault["why"])) > 20


def test_a_rule_is_there_for_a_known_fault_or_is_known_to_be_our_own() -> None:
    named = {rule for fault in FAULTS for rule in fault["rules"]}
    assert RULES - named == OF_OUR_OWN
