"""gp-source and gp-central, each call a process of its own that is there at once: forked from a server that has imported both zones."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.forked import DONE, ForkServer
from support.several_commands import main_of


@dataclass(frozen=True, slots=True)
class Started:
    """One that runs. What it says is in the folder `told`."""

    server: ForkServer
    pid: int
    told: Path

    def kill(self) -> None:
        assert self.server.kill(self.pid), f"it had ended: {(self.told / 'error').read_text()}"

    def ended(self) -> "subprocess.CompletedProcess[str]":
        """Waits for its end. Fails where it ended otherwise than by its exit code."""
        state = self.server.wait(self.pid)
        out, error = ((self.told / name).read_text() for name in ("out", "error"))
        assert state == DONE, error
        return subprocess.CompletedProcess([], int((self.told / "code").read_text()), out, error)


def started(
    server: ForkServer,
    words: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    told: Path,
    *,
    fault: str = "",
) -> Started:
    """With that environment and nothing of anybody else's, in that folder. `fault` as in GP_FAULTPOINT."""
    how = {"words": [*words], "environment": dict(environment), "folder": str(folder), "told": str(told)}
    return Started(server, server.start("support.forked_commands:as_a_process", how, fault=fault), told)


def ran(
    server: ForkServer, words: Sequence[str], environment: Mapping[str, str], folder: Path
) -> "subprocess.CompletedProcess[str]":
    """As subprocess.run answers."""
    with tempfile.TemporaryDirectory() as told:
        return started(server, words, environment, folder, Path(told)).ended()


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
