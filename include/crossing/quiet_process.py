"""Three voices that speak past our errors, and quote: libraries' own logs, failing finalizers, and failing threads.

Airflow keeps all that a task's process writes. What a way in or the store has to tell, our errors tell.
"""

import logging
import sys
import threading
from typing import Any

# Each is silent whatever its level: those that say little at INFO print an error's text, or a traceback, when they fail.
_LOUD = (
    "httpx",  # at INFO the address of every request, with the signature that opens a file
    "httpcore",
    "urllib3",
    "requests",
    "mesh_client",
    "hvac",
    "paramiko",
    "psycopg",
    "sqlalchemy",
    "alembic",
    "asyncio",
    "concurrent.futures",
)


def quieten_process() -> None:
    """For this process; asked by both edges before anything of ours runs. Hooks that somebody else has set are left."""
    for name in _LOUD:
        library = logging.getLogger(name)
        library.disabled = True
        library.setLevel(logging.CRITICAL + 1)  # those below it ask it, also those made later
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _tell_kind
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _tell_kind


def _tell_kind(failed: Any) -> None:
    """Of a finalizer or a thread: nobody can catch what it raised, and Python would print it whole."""
    kind = getattr(failed.exc_type, "__name__", "error")
    sys.stderr.write(f"{kind}, where nobody could catch it. Its text is withheld: it may quote a record.\n")
