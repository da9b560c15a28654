"""What processes are started with: settings that hold a key where a path belongs, core dumps, and swap."""

import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from key_custody.whereabouts.verdict import Verdict, not_looked_at, ok, take_care, wrong

SETTINGS, CORE_DUMPS, SWAP = "settings", "core dumps", "swap"
_PROC = Path("/proc")
_LIKE_A_KEY = re.compile(r"GP_[A-Z0-9_]*(KEY|SECRET|TOKEN|PASSWORD|PASSPHRASE|PIN)[A-Z0-9_]*|VAULT_TOKEN|BAO_TOKEN")
_CONTROL = "GP_DOCTORS_CONTROL_KEY"


def look_at_settings(pids: Callable[[], Iterable[int]]) -> list[Verdict]:
    """Any process that can be read: a variable that is named like a key must hold a path."""
    with _a_control() as control:
        found = _named_like_keys([*pids(), control])
    if _CONTROL not in found:
        return [not_looked_at(SETTINGS, "the control in a process's environment was not seen.")]
    said = [
        wrong(SETTINGS, f"{name} of {count} processes holds a value, not a path. Name a file, mode 0400.")
        for name, count in sorted(found.items())
        if name != _CONTROL
    ]
    return said or [ok(SETTINGS, "no variable that is named like a key holds more than a path")]


@contextmanager
def _a_control() -> Iterator[int]:
    waiting = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, env={_CONTROL: "not a path"})
    try:
        yield waiting.pid
    finally:
        waiting.communicate(timeout=10)


def _named_like_keys(pids: Iterable[int]) -> dict[str, int]:
    found: dict[str, int] = {}
    for pid in set(pids):
        try:
            words = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:  # of another user, or it has ended; the search through processes counts those
            continue
        for word in words:
            name, _, value = word.decode(errors="replace").partition("=")
            if _LIKE_A_KEY.fullmatch(name) and value and not value.startswith("/"):
                found[name] = found.get(name, 0) + 1
    return found


def look_at_memory(pids: Callable[[], Iterable[int]]) -> list[Verdict]:
    """Keys are in the memory of processes that use them; from there they get to a disk by a core dump, or by swap."""
    dumping = sum(_may_dump_core(_PROC / str(pid) / "limits") for pid in pids())
    swap = len((_PROC / "swaps").read_text().splitlines()) - 1 if (_PROC / "swaps").exists() else 0
    return [
        take_care(CORE_DUMPS, f"{dumping} processes may leave one. Set `ulimit -c 0` (compose.yaml does).")
        if dumping
        else ok(CORE_DUMPS, "no process that can be seen may leave one"),
        take_care(SWAP, f"{swap} areas in use. Encrypt them, or do without.") if swap else ok(SWAP, "none"),
    ]


def _may_dump_core(path: Path) -> bool:
    try:
        limits = path.read_text()
    except OSError:
        return False
    return any(line.startswith("Max core file size") and line.split()[4] != "0" for line in limits.splitlines())
