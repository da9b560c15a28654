"""Processes that start at once: a server that has imported both zones, and nothing more, forks for each piece of work.

The server has used none of the libraries' threads when it forks (they start with the first work), so what it forks is as sound as
a process that was started anew, and is there in milliseconds. Each piece of work leads a process group of its own.
"""

import gc
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import IO, Any

TESTS, INCLUDE = Path(__file__).parents[1], Path(__file__).parents[2] / "include"
_PRELOADED = (
    "source_zone.shards",
    "source_zone.uphold_practices",
    "source_zone.send",
    "central_zone.load_parcel",
    "central_zone.take_notices",
    "central_zone.fetch",
    "central_zone.release",
    "central_zone.register.build_register",
    "central_zone.register.deliver_lineage",
    "central_zone.expectations.suites",
    "great_expectations",
    "support.killed_world",  # what is forked imports nothing any more
    "support.nights_of_kills",
)
DONE, FAILED, KILLED, STOPPED, RUNNING = "done", "failed", "killed", "stopped", "running"


@dataclass(slots=True)
class ForkServer:
    """One server process. Not for use by several threads."""

    log: Path
    _process: "subprocess.Popen[str]" = field(init=False)
    _states: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        quiet = {"GX_ANALYTICS_ENABLED": "false", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "2"}
        # With Airflow's plugins: no. With the tests themselves: what is forked finds its work there.
        path = f"{INCLUDE}{os.pathsep}{TESTS}"
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", "from support.forked import serve; serve()"],
                env={**os.environ, **quiet, "PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._read()["ready"] == "", "a thread runs in the server before it forks"

    def start(self, work: str, arguments: Mapping[str, Any], *, fault: str = "", reached: Path | None = None) -> int:
        """`work` is <module>:<function>; answers the process id. `fault` as in GP_FAULTPOINT."""
        asked = {"work": work, "arguments": dict(arguments), "fault": fault, "reached": str(reached or "")}
        return int(self._ask({**asked, "log": str(self.log)})["pid"])

    def state(self, pid: int) -> str:
        """As of now: running, stopped, done, failed or killed."""
        return str(self._ask({"state_of": pid})["state"])

    def wait(self, pid: int, *, seconds: float = 180, stopped: bool = False) -> str:
        """How it ended, or that it stopped where that is waited for. One that does not end is killed, and that is an error."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            state = self.state(pid)
            if state in (DONE, FAILED, KILLED) or (stopped and state == STOPPED):
                return state
            time.sleep(0.003)
        self.kill(pid)
        raise AssertionError(f"process {pid} did not end within {seconds} seconds; see {self.log}")

    def run(self, work: str, arguments: Mapping[str, Any], *, fault: str = "", reached: Path | None = None) -> str:
        return self.wait(self.start(work, arguments, fault=fault, reached=reached))

    def kill(self, pid: int) -> bool:
        """The whole process group, by the one signal that nothing can catch. False where it had ended."""
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
            return self.wait(pid) == KILLED
        return False

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        return dict(json.loads(self._process.stdout.readline()))


def serve() -> None:
    """Until its standard input ends. Answers each line with one line."""
    for name in _PRELOADED:
        import_module(name)
    gc.collect()
    gc.freeze()  # what was imported is never looked through again, so that its pages stay shared
    _say({"ready": _threads_of_work()})
    states: dict[int, str] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        if "state_of" in asked:
            _say({"state": _state(asked["state_of"], states)})
        else:
            _say({"pid": _fork(asked)})
    for pid in (pid for pid, state in states.items() if state in (RUNNING, STOPPED)):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _say(said: dict[str, Any]) -> None:
    sys.__stdout__.write(json.dumps(said) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def _threads_of_work() -> str:
    """Threads that could hold a lock as we fork. Allocators' own and the cleaner of spilled files are made for it, or hold none."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    known = ("python", "jemalloc_bg_thd", "polars-ooc-clea")
    return ", ".join(sorted(name for name in names if not name.startswith(known)))


def _fork(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)
            _work(asked)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    with suppress(OSError):
        os.setpgid(pid, pid)
    return pid


def _work(asked: dict[str, Any]) -> None:
    from crossing import faultpoint

    nothing: IO[str] = Path(os.devnull).open()  # noqa: SIM115  (for as long as the process lives)
    os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    name, turns, action = (asked["fault"] or ":0:kill").split(":")
    reached = os.open(asked["reached"], os.O_WRONLY | os.O_CREAT | os.O_APPEND) if asked["reached"] else None
    faultpoint.arm(faultpoint.Fault(name, int(turns), action, reached))
    module, _, function = asked["work"].partition(":")
    getattr(import_module(module), function)(**asked["arguments"])


def _state(pid: int, states: dict[int, str]) -> str:
    if states.get(pid, RUNNING) not in (RUNNING, STOPPED):
        return states[pid]
    found, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
    if found:
        states[pid] = _read_status(status)
    return states.setdefault(pid, RUNNING)


def _read_status(status: int) -> str:
    if os.WIFSTOPPED(status):
        return STOPPED
    if os.WIFCONTINUED(status):
        return RUNNING
    if os.WIFSIGNALED(status):
        return KILLED
    return DONE if os.waitstatus_to_exitcode(status) == 0 else FAILED
