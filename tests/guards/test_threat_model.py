"""Every claim of docs/threat-model.md points to tests that exist, and every claim the text relies on is in its table."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "threat-model.md").read_text()
ROWS = re.findall(r"^\| (C[0-9]+) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")


@cache
def functions_of(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize(("claim", "tests"), [(name, tests) for name, _, tests in ROWS], ids=[row[0] for row in ROWS])
def test_a_claim_points_to_tests_that_exist(claim: str, tests: str) -> None:
    named = TEST.findall(tests)
    assert named, f"{claim} names no test. Write one, or move the claim to what is not defended against."
    missing = [
        f"{path}::{test}" for path, test in named if not (ROOT / path).exists() or test not in functions_of(path)
    ]
    assert missing == [], f"{claim}: these tests are not there (any more)."


def test_every_claim_that_the_text_relies_on_is_in_the_table_once() -> None:
    text = PAGE.partition("## Claims and their tests")[0]
    relied_on = set(re.findall(r"\bC[0-9]+\b", text))
    listed = [name for name, _, _ in ROWS]
    assert len(listed) == len(set(listed))
    assert relied_on == set(listed)
    assert len(listed) >= 20
