"""gp-source and gp-central, each call a process of its own that is there at once: forked from a server that has imported both zones."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.forked import DONE, ForkServer
from support.several_commands import main_of


def ran(
    server: ForkServer, words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    """As subprocess.run answers: with that environment and nothing of anybody else's, in that folder."""
    with tempfile.TemporaryDirectory() as told:
        how = {"words": [*words], "environment": dict(environment), "folder": str(folder), "told": told}
        state = server.run("support.forked_commands:as_a_process", how)
        out, error = ((Path(told) / name).read_text() for name in ("out", "error"))
        assert state == DONE, error
        return subprocess.CompletedProcess([*words], int((Path(told) / "code").read_text()), out, error)


def as_a_process(words: list[str], environment: dict[str, str], folder: str, told: str) -> None:
    """In the forked process."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for name, number in (("out", 1), ("error", 2)):
        os.dup2(os.open(Path(told) / name, os.O_WRONLY | os.O_CREAT), number)
    sys.argv = words
    code = main_of(words[0])()
    sys.stdout.flush()
    sys.stderr.flush()
    (Path(told) / "code").write_text(str(code))
