"""Beside the name that somebody gave stands the login of the operating system, which no environment says."""

import ast
import os
import pwd
from pathlib import Path

import pytest

from central_zone.login import login

CENTRAL = Path(__file__).parents[3] / "include" / "central_zone"


@pytest.fixture(autouse=True)
def _somebody_elses_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("USER", "LOGNAME", "SUDO_USER", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")


@pytest.mark.parametrize("unset", ["4294967295", "", "no number"])
def test_where_nobody_signed_in_it_is_the_process_own(tmp_path: Path, unset: str) -> None:
    kept = tmp_path / "loginuid"
    kept.write_text(unset)
    assert login(kept) == login(tmp_path / "absent") == pwd.getpwuid(os.getuid()).pw_name


def test_whoever_became_another_is_told_by_the_login_they_came_with(tmp_path: Path) -> None:
    kept = tmp_path / "loginuid"
    for number, name in ((pwd.getpwnam("nobody").pw_uid, "nobody"), (999_999, "uid 999999")):
        kept.write_text(str(number))
        assert login(kept) == name


def test_every_word_of_a_person_is_written_down_with_the_login() -> None:
    """`append` alone is for what the software did; whose name is a person's goes by `append_word`."""
    for path in CENTRAL.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.append":
                (actor,) = (ast.unparse(each.value) for each in node.keywords if each.arg == "actor")
                assert actor == "audit.LOADER", f"{path.name}, line {node.lineno}: call audit.append_word."
