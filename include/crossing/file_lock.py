"""A file that one process at a time may write; whoever has it too long is thought to hang, and the others come again."""

import fcntl
import time

from crossing.errors import TryAgain

LONGEST_WAIT_SECONDS = 30
_LOOK_AGAIN_SECONDS = 0.05


class FileInUse(TryAgain):
    """Another process of ours holds it, and does not let go: it is at work, or hangs."""


def lock_alone(descriptor: int, what: str, *, longest_seconds: float = LONGEST_WAIT_SECONDS) -> None:
    """Until the descriptor is closed, or the process ends in whatever way. Raises FileInUse, naming `what`."""
    end = time.monotonic() + longest_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise FileInUse(
                    f"{what}: another process has held it for {longest_seconds:.0f} seconds. It is tried again; if it goes on, end "
                    "the process that hangs."
                ) from None
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return
