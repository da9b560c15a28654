"""How many people it takes to load a held parcel."""

from pathlib import Path

import pytest

from central_zone.decisions.people_needed import FILE, NOBODY, ONE, TWO, people_needed
from central_zone.expectations.rules import Severity, read_rule_book
from crossing.policy import Policy, PolicyRefused

NO_RULE = {"largest_quarantined_share", "identifier_in_code"}


@pytest.mark.parametrize(
    ("held_by", "people"),
    [
        (["largest_quarantined_share"], ONE),
        (["largest_quarantined_share", "too_many_deleted"], TWO),
        (["identifier_in_code", "too_many_deleted"], NOBODY),
        (["a_rule_of_tomorrow"], TWO),
        ([], TWO),
    ],
    ids=["one", "the strictest", "nobody comes first", "unknown", "none"],
)
def test_of_several_reasons_the_strictest_holds(held_by: list[str], people: int) -> None:
    assert people_needed(Policy(), held_by) == people


def test_each_rule_that_holds_a_parcel_says_how_many_people_it_takes() -> None:
    rules = [rule for rules in read_rule_book(Policy()).rules.values() for rule in rules]
    holding = {rule.id for rule in rules if rule.severity == Severity.HOLD_PARCEL}
    assert holding | NO_RULE <= set(Policy().table(FILE)["held_by"]), f"decide in policy/{FILE}"


@pytest.mark.parametrize("line", ['people = 3\nwhy = "x"', "people = 1", 'people = 1\nwhy = " "'], ids=range(3))
def test_a_line_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / FILE).write_text(f"[held_by.volume_unusual]\n{line}\n")
    with pytest.raises(PolicyRefused, match="volume_unusual"):
        people_needed(Policy(tmp_path), ["volume_unusual"])
