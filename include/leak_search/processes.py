"""What any process of this machine can be seen to carry: its arguments and the environment it was started with (Linux)."""

import hashlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from leak_search.parts import NotReadable, Readable
from leak_search.surfaces import Piece, of_bytes

ARGUMENTS, ENVIRONMENT = "arguments", "environment"
_FILES = {ARGUMENTS: "cmdline", ENVIRONMENT: "environ"}
_PROC = Path("/proc")
_LONGEST_START_SECONDS = 10


def every_process() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]


@dataclass(slots=True)
class Processes:
    """Looked at when the search comes to them, and before that as often as `sample` is called: most live for a moment."""

    name: str
    pids: Callable[[], Iterable[int]] = every_process
    older: frozenset[int] = frozenset()  # ran before anything was planted: what they do not show is no matter
    _seen: dict[tuple[str, bytes], tuple[int, bytes]] = field(default_factory=dict, repr=False)
    _refused: set[int] = field(default_factory=set)
    _control: subprocess.Popen[bytes] | None = None

    def sample(self) -> None:
        """Keeps what is new; the same arguments or environment are kept once, whoever has them."""
        for pid in self.pids():
            for kind, name in _FILES.items():
                try:
                    content = (_PROC / str(pid) / name).read_bytes()
                except PermissionError:
                    self._refused.add(pid)
                except OSError:  # it has ended
                    continue
                else:
                    if content:
                        self._seen.setdefault((kind, hashlib.sha256(content).digest()), (pid, content))

    @contextmanager
    def watched(self, every_seconds: float = 0.25) -> Iterator[None]:
        """Samples beside whatever runs meanwhile."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(every_seconds):
                self.sample()

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def plant(self, control: str) -> set[str]:
        """A process of ours that waits for a line, with the control as an argument and in its environment."""
        waiting = ["/bin/sh", "-c", "read line", control]
        self._control = subprocess.Popen(waiting, stdin=subprocess.PIPE, env={"CONTROL": control})  # noqa: S603  (the control is ours)
        _wait_until_it_shows(self._control.pid)
        return {ARGUMENTS, ENVIRONMENT}

    def pieces(self) -> Iterator[Piece]:
        self.sample()
        for (kind, _), (pid, content) in self._seen.items():
            is_control = self._control is not None and pid == self._control.pid
            yield Piece(kind=kind, place=f"process {pid}, {kind}", open=of_bytes(content), is_control=is_control)
        for pid in sorted(self._refused - self.older):
            yield Piece(kind=ENVIRONMENT, place=f"process {pid}, environment", open=_refuse)

    def withdraw(self) -> None:
        if self._control is not None:
            with suppress(OSError):
                self._control.communicate(timeout=10)
        self._control = None


def _wait_until_it_shows(pid: int) -> None:
    """Between the end of our own call and the new program's beginning the kernel shows neither arguments nor environment."""
    until = time.monotonic() + _LONGEST_START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError):
            if all((_PROC / str(pid) / name).read_bytes() for name in _FILES.values()):
                return
        time.sleep(0.01)


def _refuse() -> Readable:
    """Another user's process, whose environment only that user and root may read."""
    raise NotReadable
