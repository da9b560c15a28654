"""The list of named moments and the code agree, each is at one place, and none is alive outside a test."""

import ast
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from crossing import faultpoint
from crossing.fault_names import CENTRE, MESH, NAMES, SOURCE

INCLUDE = Path(__file__).parents[2] / "include"


def named_in(source: str) -> list[str]:
    """What each call of faultpoint() names; anything that is no plain text counts as a name nobody knows."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    ours = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "faultpoint"]
    return [
        call.args[0].value
        if len(call.args) == 1 and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
        else "not a plain name"
        for call in ours
    ]


def test_every_name_is_at_one_place_in_the_code_and_no_other_is() -> None:
    found = Counter(name for path in INCLUDE.rglob("*.py") for name in named_in(path.read_text()))
    listed = Counter((*SOURCE, *CENTRE, *MESH))
    assert found == listed, f"in the code alone {found - listed}, in the list alone {listed - found}"
    assert len(NAMES) > 80


def test_a_name_that_is_worked_out_is_found_out() -> None:
    assert named_in('faultpoint("a.b")\nfaultpoint(name)') == ["a.b", "not a plain name"]


def test_nothing_that_runs_in_earnest_asks_for_faults() -> None:
    root = INCLUDE.parent
    for path in [*(root / "dags").rglob("*.py"), *(root / "plugins").rglob("*.py"), root / "docker-compose.yaml"]:
        assert faultpoint.WHICH not in path.read_text(), f"{path.name} asks for faults"


def test_a_command_asked_for_a_fault_outside_a_test_says_so_and_does_nothing(tmp_path: Path) -> None:
    body = "import sys; from crossing.errors import run_command; from crossing.faultpoint import faultpoint; "
    command = [sys.executable, "-c", body + "sys.exit(run_command(lambda: faultpoint('load.locked') or 0))"]
    proof = tmp_path / "proof"
    said = {"PYTHONPATH": str(INCLUDE), "PATH": os.environ["PATH"]}

    def ended(**more: str) -> tuple[int, str]:
        ran = subprocess.run(command, env={**said, **more}, capture_output=True, text=True, check=False)
        return ran.returncode, ran.stderr

    assert ended() == (0, "")
    for more in ({faultpoint.WHICH: "load.locked:1:kill"}, {faultpoint.ALIVE: str(proof)}):
        code, told = ended(**more)
        assert (code, "FaultpointsRefused" in told) == (4, True), told
    proof.write_text(faultpoint.PROOF)
    alive = {faultpoint.ALIVE: str(proof)}
    assert ended(**alive, **{faultpoint.WHICH: "load.locked:1:kill"})[0] == -9
    assert ended(**alive, **{faultpoint.WHICH: "load.locked:2:kill"})[0] == 0
    assert "FaultInjected" in ended(**alive, **{faultpoint.WHICH: "load.locked:1:raise"})[1]
    assert "FaultpointsRefused" in ended(**alive, **{faultpoint.WHICH: "no.such_point:1:kill"})[1]
