"""The power goes at a chosen step of a run."""

from collections.abc import Callable
from typing import Any

import pytest


class Killed(BaseException):
    """Stands for the power going: nothing of ours catches it."""


def kill(patch: pytest.MonkeyPatch, place: Any, step: str, *, after: bool, time: int) -> list[int]:
    """Makes the step end the run, before or after it is done for this time; returns how often it was reached."""
    real: Callable[..., Any] = getattr(place, step)
    reached = [0]

    def killed(*given: Any, **named: Any) -> Any:
        reached[0] += 1
        if reached[0] == time and not after:
            raise Killed
        result = real(*given, **named)
        if reached[0] == time:
            raise Killed
        return result

    patch.setattr(place, step, killed)
    return reached
