"""What every way in has in common: deliveries come to rest in a folder of the source zone, and adapters read only that.

Whatever the way, a delivery is let go (acknowledged, or its copy removed) only after its parcels have left, so a run
killed anywhere finds everything again.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Protocol

from crossing.errors import TryAgain

Progress = Callable[[str], None]


class NotReadyYet(TryAgain):
    """The supplier is still at it, and says, or we reckon, when to ask again. Nothing is lost by asking later."""

    def __init__(self, message: str, ask_again_at: datetime) -> None:
        super().__init__(message)
        self.ask_again_at = ask_again_at


class Transport(Protocol):
    """One practice's way in."""

    @property
    def folder(self) -> Path:
        """Where the deliveries lie that have come to rest. The adapter reads nothing else."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether somebody must be asked before it is known that nothing waits."""
        ...

    def fetch(self, since: datetime | None, progress: Progress) -> None:
        """Brings what waits into the folder; what came before a crash is not brought again.

        `since` is the instant up to which this practice has been taken. Raises NotReadyYet, TryAgain, PersonMustAct.
        """
        ...

    def glance(self, progress: Progress) -> None:
        """What arrived since, brought if that is quick: an objection in it counts before this night's parcel leaves."""
        ...

    def let_go(self, taken: Iterable[Path]) -> None:
        """These files' parcels have left: the supplier may forget them, and so may we. Safe to repeat."""
        ...
