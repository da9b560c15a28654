"""The file of list sizes is read strictly, and has a row for each practice that takes part."""

from pathlib import Path

import pytest

from crossing.policy import Policy, PolicyRefused
from crossing.practice_lists import FILE, REGIONS, practice_lists

HEAD = "practice_code,region,registered_patients,as_of,source\n"


def test_every_practice_in_policy_has_its_list_and_every_region_of_england_is_one() -> None:
    policy = Policy()
    assert set(practice_lists(policy)) == {each.practice_code for each in policy.practices()}
    assert len(set(REGIONS)) == 7


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("Y99001,Wales,10,2026-09-01,x", "region"),
        ("Y99001,London,about ten,2026-09-01,x", "registered_patients"),
        ("Y99001,London,-1,2026-09-01,x", "registered_patients"),
        ("Y99001,London,10,soon,x", "as_of"),
    ],
)
def test_a_row_that_cannot_be_believed_is_refused_by_name(tmp_path: Path, row: str, why: str) -> None:
    (tmp_path / FILE).write_text(HEAD + row + "\n")
    with pytest.raises(PolicyRefused, match=f"Y99001: .*{why}|Y99001: the {why}"):
        practice_lists(Policy(tmp_path))
