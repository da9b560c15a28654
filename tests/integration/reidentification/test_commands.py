"""The commands, as people type them: ask, approve, carry out. No token is ever an argument, and none is printed."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from central_zone.reidentification import run_case
from support.cases import ONE, PURPOSE, TWO, USE, Cases

_MAIN = "import sys; from central_zone.command_line import main; sys.exit(main())"


def gp_central(cases: Cases, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **dict(cases.zones.central.values)}
    environment["PYTHONPATH"] = str(Path(run_case.__file__).parents[2])
    command = [sys.executable, "-c", _MAIN, "reidentify", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, input=given, env=environment)


def test_a_case_from_asking_to_carrying_out(cases: Cases) -> None:
    out, tokens = cases.root / "cases" / "BY-HAND", [cases.t3("h0").hex(), cases.t3("t0").hex()]
    last_day = (cases.now.date() + timedelta(days=7)).isoformat()
    what = ["--use", USE, "--case", "BY-HAND", "--purpose", PURPOSE, "--by", "R. Searcher", "--expires", last_day]
    asked = gp_central(cases, "request", *what, "--tokens", "-", "--out", str(out), given="\n".join(tokens))
    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout)["people"] == 2
    again = gp_central(cases, "request", *what, "--tokens", "-", "--out", str(out), given="\n".join(tokens))
    assert again.returncode == 4
    assert "CaseFolderInUse" in again.stderr

    request = str(out / "case.request.json")
    said = [asked.stdout]
    for name in (ONE, TWO):
        key = cases.root / "keys" / "approvers" / f"{name}.key"
        approved = gp_central(cases, "approve", request, "--by", name, "--key", str(key))
        assert approved.returncode == 0, approved.stderr
        assert json.loads(approved.stdout)["purpose"] == PURPOSE
        said.append(approved.stdout)

    carried_out = gp_central(cases, "run", request, "--custodian-key", str(cases.custodian))
    assert carried_out.returncode == 0, carried_out.stderr
    assert json.loads(carried_out.stdout)["people_found"] == 2
    replayed = gp_central(cases, "run", request, "--custodian-key", str(cases.custodian))
    assert (replayed.returncode, replayed.stdout) == (4, "")
    assert replayed.stderr.startswith(
        "CaseRefused (a person must act): The case was refused: it was carried out before"
    )
    said += [carried_out.stdout, replayed.stderr]
    assert not any(token in text for token in tokens for text in said)


def test_another_key_than_the_one_it_is_called(cases: Cases) -> None:
    path = cases.ask("OTHER-NAME", "h0")
    key = cases.root / "keys" / "approvers" / f"{TWO}.key"
    approved = gp_central(cases, "approve", str(path), "--by", ONE, "--key", str(key))
    assert approved.returncode == 4
    assert "is not the one that the register knows" in approved.stderr
    assert not list(path.parent.glob("*.approval.json"))


def test_tokens_that_are_none(cases: Cases) -> None:
    last_day = (cases.now.date() + timedelta(days=7)).isoformat()
    what = ["--use", USE, "--case", "NO-TOKENS", "--purpose", PURPOSE, "--by", "R. Searcher", "--expires", last_day]
    for given in ("", "9991230009\n", f"{'ab' * 16}\n{'AB' * 16}\n"):
        asked = gp_central(cases, "request", *what, "--tokens", "-", "--out", str(cases.root / "none"), given=given)
        assert asked.returncode == 4
        assert "9991230009" not in asked.stderr
