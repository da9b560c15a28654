"""Steps of either zone in a process of their own, that end themselves, by the one signal nothing can catch, at a named point."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from journey.both_zones import COLLECTION, BothZones
from support.source_zone import source_environment

INCLUDE = Path(__file__).parents[2] / "include"
_KILLED = """
import os, signal, sys
from importlib import import_module
module, name, when, turn, step = sys.argv[1:6]
module, turn = import_module(module), [int(turn)]
holder, _, name = name.rpartition(".")
holder = getattr(module, holder) if holder else module
real = getattr(holder, name)
def killed(*these, **those):
    turn[0] -= 1
    if turn[0] == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = real(*these, **those)
    if turn[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
setattr(holder, name, killed)
step, arguments = import_module(step), sys.argv[6:]
"""
_PULL = """
from source_zone import settings
step.pull_shard("gpdpr", arguments, "a run that is killed", settings.load())
"""
_LOAD = """
from central_zone import settings
for do in (step.receive_shard, step.validate_shard, step.load_shard):
    do("gpdpr", arguments, settings.load())
"""
Point = tuple[str, str, str, int]  # module, name, before or after, which time


def pull_killed_at(zones: BothZones, point: Point, practice: str) -> None:
    _run(_PULL, point, "source_zone.shards", [practice], source_environment(zones.source))


def load_killed_at(zones: BothZones, point: Point, parcels: list[str]) -> None:
    _run(_LOAD, point, "central_zone.load_parcel", parcels, dict(zones.central.values))


def _run(body: str, point: Point, step: str, arguments: list[str], environment: dict[str, str]) -> None:
    module, name, when, turn = point
    ran = subprocess.run(
        [sys.executable, "-c", _KILLED + body, module, name, when, str(turn), step, *arguments],
        env={**os.environ, **environment, "PYTHONPATH": str(INCLUDE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL, (COLLECTION, point, ran.stderr)
