"""Each clause of the type 1 rule, as policy says it, has its example; and a policy that says something else is refused."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import pytest

from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone.opt_outs import RULES as RULES_IN_CODE
from source_zone.replay import held_back_on
from source_zone.roster import decide, objections_known, people
from source_zone.type_one_rule import CLAUSES, TYPE_ONE_FILE, read_type_one_rule
from support.consent_histories import NIGHTS, RULES, History, held_back, remembered
from support.emis_files import a_patient, an_observation, write_extract
from support.slow_type_one_rule import ELSEWHERE, FAMILY_HISTORY, Line, Registration, opted_out
from support.source_zone import make_source_zone

TONIGHT = NIGHTS[0]
AT_NINE, AT_NOON = datetime(2024, 5, 17, 9), datetime(2024, 5, 17, 12)
NO = Line(night=TONIGHT, registration="p", entry="no", codes=("9Nu0.",), dated="2024-05-17")
YES = Line(night=TONIGHT, registration="p", entry="yes", codes=("827261000000102",), dated="2024-06-01")
STAYS, LEAVES = True, False


def at(hour: datetime, line: Line, dated: str = "2024-05-17") -> Line:
    return replace(line, recorded=hour, dated=dated)


def later(line: Line, **changes: object) -> Line:
    return replace(line, night=NIGHTS[1], **changes)  # type: ignore[arg-type]


Example = tuple[list[Line], bool]
EXAMPLES: dict[str, list[Example]] = {
    "a_dissent_counts_wherever_it_is_written": [
        ([replace(NO, codes=(code,))], STAYS) for code in ("827241000000103", "9Nu0.", "9Nu0.00", "9Nu01", "XaZ89")
    ]
    + [([replace(NO, place=place)], STAYS) for place in (FAMILY_HISTORY, ELSEWHERE)]
    + [([replace(NO, readable=False)], STAYS), ([replace(NO, codes=("H33..",))], LEAVES)],
    "a_withdrawal_must_be_beyond_doubt": [
        ([NO, YES], LEAVES),
        ([NO, replace(YES, place=FAMILY_HISTORY)], STAYS),
        ([NO, replace(YES, place=ELSEWHERE)], STAYS),
        ([NO, replace(YES, readable=False)], STAYS),
        ([NO, replace(YES, entry=None)], STAYS),
        ([NO, replace(YES, codes=("9Nu11",))], STAYS),
        ([NO, replace(YES, codes=("9Nu1.", "XaZ89"))], STAYS),
    ],
    "a_withdrawal_must_be_the_last_word_on_its_entry": [
        ([NO, YES, later(YES, deleted=True)], STAYS),
        ([NO, YES, later(YES, codes=("H33..",))], STAYS),
        ([NO, YES, later(YES, registration="q")], STAYS),
        ([NO, YES, later(YES)], LEAVES),
    ],
    "a_deleted_or_corrected_dissent_ends": [
        ([NO, later(NO, deleted=True)], LEAVES),
        ([NO, later(NO, codes=("H33..",))], LEAVES),
        ([NO, later(NO, codes=("H33..",), readable=False)], STAYS),
        ([NO, later(NO, codes=("H33..",), registration="q")], STAYS),
    ],
    "the_latest_date_wins": [
        ([NO, YES], LEAVES),
        ([NO, replace(YES, dated="2024-05-16")], STAYS),
        ([YES, later(NO)], LEAVES),  # the order in which they reach us says nothing
    ],
    "a_tie_goes_to_the_dissent": [
        ([NO, replace(YES, dated="2024-05-17")], STAYS),
        ([at(AT_NINE, NO), at(AT_NOON, YES)], LEAVES),
        ([at(AT_NOON, NO), at(AT_NINE, YES)], STAYS),
        ([at(AT_NOON, NO), at(AT_NOON, YES)], STAYS),
        ([NO, at(AT_NOON, YES)], STAYS),
    ],
    "an_entry_without_a_date": [
        ([replace(NO, dated=""), YES], STAYS),
        ([NO, replace(YES, dated="")], STAYS),
    ],
    "an_entry_dated_in_the_future": [
        ([replace(NO, dated="2027-01-01"), YES], STAYS),
        ([NO, replace(YES, dated="2026-09-03")], STAYS),
        ([NO, replace(YES, dated="2026-09-02")], LEAVES),
    ],
    "a_date_of_which_only_part_is_known": [
        ([replace(NO, dated="2024"), YES], STAYS),
        ([NO, replace(YES, dated="2024-05")], STAYS),
        ([replace(NO, dated="2024-05"), YES], LEAVES),
    ],
    "every_registration_of_the_person": [
        ([replace(NO, registration="p again")], STAYS),
        ([replace(NO, registration="p again"), YES], STAYS),
        ([replace(NO, registration="p again"), replace(YES, registration="p again")], LEAVES),
        ([replace(NO, registration="q")], LEAVES),
    ],
    "type_two_codes_are_counted_and_not_obeyed": [
        ([replace(NO, codes=(code,))], LEAVES) for code in ("881561000000100", "9Nu4.", "XaaVL")
    ]
    + [([NO, replace(YES, codes=(code,))], STAYS) for code in ("881581000000109", "9Nu5.", "XaaVM")],
}
PEOPLE = (
    Registration(night=TONIGHT, registration="p", nhs_number="9990548609"),
    Registration(night=TONIGHT, registration="p again", nhs_number="999 054 8609"),
    Registration(night=TONIGHT, registration="q", nhs_number="9434765919"),
)
# Shown by a release whole: tests/unit/source_zone/test_check_opt_outs.py, and the test at the end of this file.
SHOWN_ELSEWHERE = {"what_cannot_be_read_stays"}


def test_every_clause_of_policy_is_known_to_the_code_and_has_its_examples() -> None:
    versions = {each.number: set(each.clauses) for each in RULES.type_one.versions}
    assert versions.keys() == CLAUSES.keys() == RULES_IN_CODE.keys()
    assert versions[1] == CLAUSES[1] == set(EXAMPLES) | SHOWN_ELSEWHERE
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(
    ("clause", "number"), [(clause, number) for clause, of_it in EXAMPLES.items() for number in range(len(of_it))]
)
def test_each_example_of_a_clause_is_decided_as_it_says_by_both_readings(clause: str, number: int) -> None:
    lines, stays = EXAMPLES[clause][number]
    night = NIGHTS[1].date()
    patients, consents = remembered(History(tuple(lines), PEOPLE))
    roster = decide(RULES, people(patients), objections_known(consents), as_of=night)
    assert ("p" in held_back(roster)) is stays
    assert ("p" in opted_out(lines, PEOPLE, effective=night, known=night)) is stays


# What was known when


LEARNT_LATER = [NO, replace(YES, night=NIGHTS[1])]


@pytest.mark.parametrize(
    ("lines", "effective", "known", "stays"),
    [
        pytest.param(LEARNT_LATER, "2026-09-01", "2026-09-01", STAYS, id="the withdrawal had not reached us"),
        pytest.param(LEARNT_LATER, "2026-09-01", "2026-09-02", LEAVES, id="it had, and counted for the day before"),
        pytest.param(LEARNT_LATER, "2024-05-20", "2026-09-02", STAYS, id="asked about a day before it was made"),
        pytest.param(LEARNT_LATER, "2024-05-16", "2026-09-02", LEAVES, id="asked about a day before there was a no"),
        pytest.param(
            [replace(NO, dated="2027")], "2024-05-16", "2026-09-02", STAYS, id="a no dated ahead of both days"
        ),
        pytest.param(
            [replace(NO, dated="2024")], "2024-05-16", "2026-09-02", STAYS, id="a no that may have been there"
        ),
        pytest.param(
            [NO, replace(YES, dated="2024-06")], "2024-06-15", "2026-09-02", STAYS, id="perhaps not yet taken back"
        ),
        pytest.param([NO, replace(YES, dated="2026-09-20")], "2026-09-30", "2026-09-02", LEAVES, id="as it will be"),
    ],
)
def test_a_day_is_replayed_as_it_was_known_on_another(
    lines: list[Line], effective: str, known: str, stays: bool
) -> None:
    days = {"effective": date.fromisoformat(effective), "known": date.fromisoformat(known)}
    patients, consents = remembered(History(tuple(lines), PEOPLE))
    then = people(patients, NIGHTS[days["known"].day - 1])
    assert ("p" in held_back_on(RULES, then, consents, *days.values())) is stays
    assert ("p" in opted_out(lines, PEOPLE, **days)) is stays


# The file itself


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    return Policy(tmp_path / "policy")


def amend(policy: Policy, change: Callable[[str], str]) -> Policy:
    file = policy.folder / TYPE_ONE_FILE
    file.write_text(change(file.read_text()))
    return Policy(policy.folder)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda text: text.replace("[version.clauses.the_latest_date_wins]", "[version.clauses.newest]"), "newest"),
        (lambda text: text.split("[version.clauses.what_cannot_be_read_stays]")[0], "what_cannot_be_read_stays"),
        (lambda text: text.replace('source = "Decision 6"\n', "", 1), "source"),
        (lambda text: text.replace("number = 1", "number = 2"), "numbered"),
        (lambda text: text.replace("in_force_from = 2021-09-01", 'in_force_from = "soon"'), "in_force_from"),
        (lambda text: text.replace("approved_by =", "approver ="), "approved_by"),
        (lambda text: "", "numbered"),
    ],
)
def test_a_file_that_says_more_or_less_than_the_code_does_is_refused(
    policy: Policy, change: Callable[[str], str], says: str
) -> None:
    with pytest.raises(PolicyRefused, match=says):
        read_type_one_rule(amend(policy, change))


def test_the_version_in_force_is_that_of_the_day_and_one_nobody_wrote_is_refused(policy: Policy) -> None:
    def with_a_second(text: str) -> str:
        return text + text.replace("number = 1", "number = 2").replace("2021-09-01", "2030-01-01")

    rule = read_type_one_rule(amend(policy, with_a_second))
    assert rule.in_force_on(date(2029, 12, 31)).number == 1
    with pytest.raises(PolicyRefused, match="version 2 is in force on 2030-01-01"):
        rule.in_force_on(date(2030, 1, 1))
    with pytest.raises(PolicyRefused, match="no version is in force on 2021-08-31"):
        rule.in_force_on(date(2021, 8, 31))


def test_two_versions_of_one_day_are_refused(policy: Policy) -> None:
    with pytest.raises(PolicyRefused, match="after the one before it"):
        read_type_one_rule(amend(policy, lambda text: text + text.replace("number = 1", "number = 2")))


def test_a_patient_whose_own_row_cannot_be_read_stays(tmp_path: Path) -> None:
    from source_zone.release_practice import release_practice

    zone = make_source_zone(tmp_path)
    rows = {"Admin_Patient": [a_patient("p", DateOfDeath="?")], "CareRecord_Observation": [an_observation("p", "o")]}
    write_extract(zone.deliveries, rows)
    assert release_practice(zone.release())["patients_held_back"] == {"unreadable_patient_record": 1}
