"""The register tells of re-identification in aggregate: when a month is over, and of people only what nobody is known by."""

from datetime import UTC, datetime
from html import unescape
from pathlib import Path

import pytest

from central_zone.register.build_register import publish
from central_zone.register.read_ledger import AuditHead, CarriedOut, Ledger, RefusedCase
from central_zone.register.reidentification import reidentification
from crossing.case_request import REFUSALS
from crossing.case_rules import read_case_rules
from crossing.policy import Policy

PURPOSES = read_case_rules(Policy()).purposes
HEAD = AuditHead(seq=9, at=datetime(2026, 11, 2, tzinfo=UTC), hash="ab" * 32)


def a_case(month: int, people: int, *practices: str, purpose: str = "finding_that_needs_care") -> CarriedOut:
    at = datetime(2026, month, 9, tzinfo=UTC)
    return CarriedOut(purpose=purpose, people=people, carried_out_at=at, practice_codes=practices)


def a_refusal(month: int, reason: str) -> RefusedCase:
    return RefusedCase(reason=reason, refused_at=datetime(2026, month, 9, tzinfo=UTC))


def test_a_month_is_told_when_it_is_over_and_rounded() -> None:
    cases = [a_case(10, 9, "A", "B"), a_case(10, 4, "C"), a_case(11, 20, "A", "B", "C")]
    [month] = reidentification(cases, [a_refusal(10, "expired"), a_refusal(11, "expired")], HEAD, PURPOSES)
    assert month["month"] == "2026-10"
    [purpose] = month["carried_out"]
    assert (purpose["cases"], purpose["people"]["words"]) == (2, "15")
    assert purpose["in_words"] == PURPOSES["finding_that_needs_care"]
    assert month["refused"] == [{"reason": "expired", "in_words": REFUSALS["expired"], "times": 1}]


def test_nothing_is_told_before_the_trail_has_an_entry_of_a_later_month() -> None:
    assert reidentification([a_case(10, 9, "A", "B", "C")], [], None, PURPOSES) == []


@pytest.mark.parametrize(
    ("people", "practices", "words"),
    [(7, ("A", "B", "C"), "7 or fewer"), (20, ("A", "B"), "not shown: fewer than 3 practices")],
)
def test_a_few_people_and_people_of_few_practices_are_no_figure(
    people: int, practices: tuple[str, ...], words: str
) -> None:
    [month] = reidentification([a_case(10, people, *practices)], [], HEAD, PURPOSES)
    assert month["carried_out"][0]["people"] == {"figure": None, "words": words}


def test_a_purpose_that_policy_no_longer_has_is_still_told() -> None:
    [month] = reidentification([a_case(10, 9, purpose="once_allowed")], [], HEAD, PURPOSES)
    assert month["carried_out"][0]["in_words"] == "Once allowed"


def test_the_page_says_so_in_words(tmp_path: Path) -> None:
    cases, refused = (a_case(10, 3, "Y99001"),), (a_refusal(10, "too_few_approvals"),)
    ledger = Ledger(parcels=(), audit_head=HEAD, parcels_refused_unread=0, cases=cases, refused_cases=refused)
    publish(tmp_path, ledger, Policy())
    page = unescape((tmp_path / "index.html").read_text())
    section = page.split('<section aria-labelledby="reidentification">')[1].split(
        '<section aria-labelledby="figures">'
    )[0]
    for words in (
        "Cases in 2026-10",
        REFUSALS["too_few_approvals"],
        PURPOSES["finding_that_needs_care"],
        "fewer than 3",
    ):
        assert words in section
    assert "Y99001" not in section


def test_and_where_nothing_happened_it_says_that(tmp_path: Path) -> None:
    publish(tmp_path, Ledger(parcels=(), audit_head=None, parcels_refused_unread=0), Policy())
    assert "In no month that is over" in (tmp_path / "index.html").read_text()
