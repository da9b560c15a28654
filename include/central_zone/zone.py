"""What a run of the central zone works with: its settings, the store, the policy and the time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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
def opened(settings: Settings, inbox: Path | None = None) -> Iterator[Zone]:
    """The zone of these settings; its connections are closed at the end."""
    with store_of(settings.store_url) as store:
        yield Zone(settings=settings, store=store, inbox=inbox or settings.inbox_folder)
