"""Commands of one zone, one after another in one process: starting a process for each costs more than most of them do."""

import io
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_MODULES = {"gp-source": "source_zone.command_line", "gp-central": "central_zone.command_line"}
_TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class Said:
    """What one command printed, and its exit code."""

    command: str
    code: int
    out: str
    err: str

    def as_json(self) -> Any:
        assert self.code == 0, f"{self.command} ended with {self.code}: {self.err}"
        return json.loads(self.out)


def said_by(commands: Sequence[tuple[str, ...]], environment: Mapping[str, str]) -> list[Said]:
    """All of one zone: in life too no process has both."""
    if not commands:
        return []
    (zone,) = {command[0] for command in commands}
    done = subprocess.run(
        [sys.executable, "-m", "support.several_commands", zone], input=json.dumps(commands), text=True, check=False,
        env=environment | {"PYTHONPATH": f"{environment['PYTHONPATH']}:{_TESTS}"}, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Said(**each) for each in json.loads(done.stdout)]


def main_of(zone: str) -> Callable[[], int]:
    """What the installed command of that name calls."""
    main: Callable[[], int] = import_module(_MODULES[zone]).main
    return main


def _said(main: Callable[[], int], words: list[str]) -> Said:
    out, err = io.StringIO(), io.StringIO()
    sys.argv = words
    with redirect_stdout(out), redirect_stderr(err):
        code = main()
    return Said(" ".join(words), code, out.getvalue(), err.getvalue())


if __name__ == "__main__":
    main = main_of(sys.argv[1])
    json.dump([asdict(_said(main, words)) for words in json.load(sys.stdin)], sys.stdout)
