"""The folders we were given may be full, missing or closed to us: that is for a person, and says which setting to mend."""

from collections.abc import Iterator
from contextlib import contextmanager

from central_zone.errors import FolderUnusable


@contextmanager
def usable(setting: str) -> Iterator[None]:
    """Turns the system's errors into FolderUnusable, naming the setting whose folder it is."""
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise FolderUnusable(f"{setting}: {why}. Mend the folder or its disk, then run the same step again.") from None
