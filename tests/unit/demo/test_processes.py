"""Only what was started is ended, and all of it."""

import json
import sys
import time
from pathlib import Path

import psutil
import pytest

from demo.processes import Processes, still_running

SLEEPS = "import time; time.sleep(60)"
SLEEPS_AND_IGNORES_SIGTERM = (
    f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEPS}"
)
HAS_A_CHILD = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {SLEEPS!r}]); print('ready', flush=True); p.wait()"


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "processes.json", tmp_path)


def start(processes: Processes, name: str, program: str) -> psutil.Process:
    processes.start(name, [sys.executable, "-c", program], {})
    return processes.started[name]


def runs(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def is_ready(log: Path) -> None:
    """Waits until the program has said so."""
    deadline = 10.0

    until = time.monotonic() + deadline
    while "ready" not in log.read_text():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_stopping_ends_a_process_and_its_children(processes: Processes, tmp_path: Path) -> None:
    parent = start(processes, "parent", HAS_A_CHILD)
    is_ready(tmp_path / "parent.log")
    (child,) = parent.children()
    processes.stop()
    assert not runs(parent)
    assert not runs(child)
    assert not (tmp_path / "processes.json").exists()


def test_a_process_that_will_not_listen_is_ended_all_the_same(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("demo.processes._PATIENCE_SECONDS", 0.5)
    stubborn = start(processes, "stubborn", SLEEPS_AND_IGNORES_SIGTERM)
    is_ready(tmp_path / "stubborn.log")
    processes.stop()
    assert not runs(stubborn)


def test_what_ended_of_itself_is_named(processes: Processes) -> None:
    brief = start(processes, "brief", "pass")
    lasting = start(processes, "lasting", SLEEPS)
    brief.wait(10)
    assert processes.ended() == ["brief"]
    assert lasting.is_running()
    processes.stop()


def test_a_later_command_finds_what_an_earlier_one_left(processes: Processes, tmp_path: Path) -> None:
    start(processes, "lasting", SLEEPS)
    found = still_running(tmp_path / "processes.json", tmp_path)
    assert list(found.started) == ["lasting"]
    processes.stop()
    assert still_running(tmp_path / "processes.json", tmp_path).started == {}


def test_a_process_id_used_anew_by_somebody_else_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    somebody = start(processes, "somebody", SLEEPS)
    written = tmp_path / "processes.json"
    ((name, pid, created),) = json.loads(written.read_text())
    other = tmp_path / "other.json"
    other.write_text(json.dumps([[name, pid, created - 3600]]))
    assert still_running(other, tmp_path).started == {}
    assert somebody.is_running()
    processes.stop()
