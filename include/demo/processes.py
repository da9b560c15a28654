"""Processes that this demonstration started: written down, so that they, and no others, are ended."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types

_KILLED_SECONDS = 60  # on a busy machine even a killed process takes its time
_PATIENCE_SECONDS = 5  # an idle scheduler may take a quarter of a minute; by then no task runs


@dataclass(slots=True)
class Processes:
    """Started in sessions of their own (Ctrl-C reaches them only through us) and kept in one small file."""

    file: Path
    logs: Path
    started: dict[str, psutil.Process] = field(default_factory=dict)

    def note_this_process(self) -> None:
        self.started["demo"] = psutil.Process()
        self._write()

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self.started[name] = psutil.Popen(
                command, env=dict(environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._write()

    def ended(self) -> list[str]:
        """The names of those that should run and do not."""
        return [name for name, process in self.started.items() if not _runs(process)]

    def forget(self, name: str) -> None:
        self.started.pop(name, None)
        self._write()

    def stop(self) -> None:
        """Asks each to end, last started first; whatever of their sessions then remains is made to."""
        mine = [process for name, process in reversed(self.started.items()) if name != "demo" and _runs(process)]
        for process in mine:
            _signal(process, signal.SIGTERM)
        _wait_until_gone(mine, _PATIENCE_SECONDS)
        remaining = _of_sessions({process.pid for process in mine})
        for process in remaining:
            _signal(process, signal.SIGKILL)
        _wait_until_gone(mine + remaining, _KILLED_SECONDS)
        _reap(
            [process for name, process in self.started.items() if name != "demo"]
        )  # also those that ended of themselves
        self.file.unlink(missing_ok=True)

    def _write(self) -> None:
        rows = [[name, process.pid, process.create_time()] for name, process in self.started.items()]
        draft = self.file.with_suffix(".draft")
        draft.write_text(json.dumps(rows))
        draft.replace(self.file)


def still_running(file: Path, logs: Path) -> Processes:
    """Those of an earlier demonstration that run yet. A process id used anew has another start time: it is not one."""
    rows = json.loads(file.read_text()) if file.exists() else []
    processes = Processes(file, logs)
    for name, pid, created in rows:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if process.create_time() == created and _runs(process) and pid != os.getpid():
                processes.started[name] = process
    return processes


def _wait_until_gone(processes: list[psutil.Process], seconds: float) -> None:
    """Returns as soon as none runs, or when time is up. One that has ended and that nobody has reaped counts as gone."""
    deadline = time.monotonic() + seconds
    while any(map(_runs, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _reap(processes)


def _reap(processes: list[psutil.Process]) -> None:
    """Our own children leave an entry until somebody asks how they ended."""
    for process in processes:
        with suppress(psutil.Error):
            process.wait(0)


def _of_sessions(leaders: set[int]) -> list[psutil.Process]:
    """Whatever runs in the sessions we began: children too that were born, or lost their parent, a moment ago."""
    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError):
            if os.getsid(process.pid) in leaders and _runs(process):
                found.append(process)
    return found


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
