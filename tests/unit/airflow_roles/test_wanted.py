"""What the file of roles may say, and that nothing in it is taken for something it is not."""

import shutil
from pathlib import Path

import pytest

from airflow_roles.wanted import FILE, wanted_roles
from crossing.policy import Policy, PolicyRefused, policy_folder


def policy_with(folder: Path, old: str, new: str) -> Policy:
    policy = Path(shutil.copytree(policy_folder(), folder / "policy"))
    text = (policy / FILE).read_text()
    assert old in text
    (policy / FILE).write_text(text.replace(old, new, 1))
    return Policy(policy)


def test_four_roles_and_each_may_look() -> None:
    wanted = wanted_roles(Policy())
    assert set(wanted) == {"engineer", "steward", "responder", "auditor"}
    assert all(("can_read", "Task Instances") in permissions for permissions in wanted.values())


def test_a_line_of_a_collection_is_one_of_each_collection() -> None:
    edits = {
        resource for action, resource in wanted_roles(Policy())["steward"] if action == "can_edit" and ":" in resource
    }
    kinds = ("decide", "decide_quarantine")
    assert edits == {f"DAG:{kind}__{name}" for name in Policy().collections() for kind in kinds}


def test_only_stewards_answer_and_nobody_else_is_given_their_dags() -> None:
    wanted = wanted_roles(Policy())
    may_answer = {role for role, permissions in wanted.items() if ("can_edit", "HITL Detail") in permissions}
    given = {role for role, permissions in wanted.items() for _, of in permissions if ":decide" in of}
    starts = {of for action, of in wanted["steward"] if action == "can_create"}
    assert may_answer == given == {"steward"}
    assert starts == {f"DAG Run:decide_quarantine__{name}" for name in Policy().collections()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"can_read Website"', '"may_read Website"'),
        ('"To sign in at all."', '" "'),
        ("[roles.auditor.may]", "[roles.auditor.can]"),
        ("[everyone.may]", "[somebody]\n[everyone.may]"),
    ],
    ids=["no action of Airflow's", "no reason", "an unknown word", "an unknown table"],
)
def test_what_is_no_line_of_it_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(PolicyRefused, match=FILE):
        wanted_roles(policy_with(tmp_path, old, new))
