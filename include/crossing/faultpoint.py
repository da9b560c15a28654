"""Named moments at which tests end, break or stop a process, so that what follows a crash is tried and not argued.

Outside tests each is a call that returns at once. They come alive by GP_FAULTPOINTS_ALIVE, which names a file that only tests
write; an environment that asks for faults without it is refused at the first of these moments.

GP_FAULTPOINT is `<name>:<nth>:<kill|raise|hang>`: what happens when the point is reached for the nth time.
"""

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crossing.errors import PersonMustAct
from crossing.fault_names import NAMES

ALIVE, WHICH = "GP_FAULTPOINTS_ALIVE", "GP_FAULTPOINT"
PROOF = "Everything in this folder is made up by a test. Faults may be injected.\n"
KILL, RAISE, HANG = "kill", "raise", "hang"


class FaultpointsRefused(PersonMustAct):
    """Faults were asked for where real work may be under way."""


class FaultInjected(Exception):
    """An error that nobody foresaw, at a point that a test named."""


@dataclass(slots=True)
class Fault:
    """What is to happen where. `turns` counts down to it."""

    name: str
    turns: int
    action: str
    reached: int | None = None  # a descriptor to which every name is written as its moment comes

    def at(self, name: str) -> None:
        if self.reached is not None:
            os.write(self.reached, f"{name}\n".encode())
        if name != self.name:
            return
        self.turns -= 1
        if self.turns == 0:
            _carry_out(self.action, name)


def faultpoint(name: str) -> None:
    """Nothing, unless a test has asked for a fault here."""
    if _switch.asked is not None:
        _at(_switch.asked, name)


def asked_for(environment: Mapping[str, str]) -> Fault | FaultpointsRefused | None:
    """What an environment asks for; a refusal where it may not ask."""
    said, proof = environment.get(WHICH), environment.get(ALIVE)
    if not said and not proof:
        return None
    if not proof or not _is_proof(Path(proof)):
        return FaultpointsRefused(
            f"{WHICH} or {ALIVE} is set, and this is no test. Nothing was done. Take both out of the environment."
        )
    return _read(said) if said else None


def arm(fault: Fault | None) -> None:
    """For a process that a test has forked for one trial, whose environment was read long before."""
    _switch.asked = fault


def _read(said: str) -> Fault | FaultpointsRefused:
    name, _, rest = said.partition(":")
    turns, _, action = rest.partition(":")
    if name not in NAMES or not turns.isdecimal() or action not in (KILL, RAISE, HANG):
        return FaultpointsRefused(
            f"{WHICH} is not <name>:<nth>:<kill|raise|hang> with a name of crossing/fault_names.py."
        )
    return Fault(name, int(turns), action)


def _is_proof(path: Path) -> bool:
    try:
        return path.read_text() == PROOF
    except (OSError, ValueError):
        return False


def _at(asked: Fault | FaultpointsRefused, name: str) -> None:
    if isinstance(asked, FaultpointsRefused):
        raise asked
    asked.at(name)


def _carry_out(action: str, name: str) -> None:
    if action == RAISE:
        raise FaultInjected(name)
    os.kill(os.getpid(), signal.SIGKILL if action == KILL else signal.SIGSTOP)


@dataclass(slots=True)
class _Switch:
    asked: Fault | FaultpointsRefused | None


_switch = _Switch(asked_for(os.environ))
