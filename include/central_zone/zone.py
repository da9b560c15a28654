"""What a run of the central zone works with: its settings, the store, the policy and the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from central_zone.settings import Settings
from central_zone.store.connection import store_of
from crossing.policy import Policy


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """Handed to every step; nothing below it reads the environment or the clock."""

    settings: Settings
    store: Engine
    policy: Policy = field(default_factory=Policy)
    now: Callable[[], datetime] = _now
    inbox: Path

    def folder(self, parcel_id: str) -> Path:
        return self.inbox / parcel_id

    @contextmanager
    def under(self, role: str) -> "Iterator[Zone]":
        """The same zone with the store opened by another role, for the one step that needs it."""
        with store_of(self.settings.store_url_of(role)) as store:
            yield replace(self, store=store)


@contextmanager
def opened(settings: Settings, inbox: Path | None = None, *, role: str) -> Iterator[Zone]:
    """The zone of these settings, the store opened by the role that the work needs; its connections are closed at the end."""
    with store_of(settings.store_url_of(role)) as store:
        yield Zone(settings=settings, store=store, inbox=inbox or settings.inbox_folder)
