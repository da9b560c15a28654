"""Writing beside reading: one thread that compresses and encrypts while the next rows are read.

Parquet and AES let go of Python's lock, so on two cores the two really run together. At most a few pieces wait, so
that memory stays bounded; an error in a piece is raised where the next one is handed over, or at the end.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any

_MOST_WAITING = 2


class Background:
    """Runs what it is given in order, one at a time. Leaving the context waits for the last."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._waiting: deque[Future[Any]] = deque()

    def do(self, work: Callable[..., object], *arguments: object) -> None:
        self._waiting.append(self._thread.submit(work, *arguments))
        self._finish(_MOST_WAITING)

    def _finish(self, leave: int) -> None:
        while len(self._waiting) > leave:
            self._waiting.popleft().result()

    def __enter__(self) -> "Background":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish(0)
        finally:
            self._thread.shutdown(wait=True, cancel_futures=True)
