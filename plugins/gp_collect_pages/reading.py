"""What a page reads from: the ledger, as the steward; and Airflow's own account of runs. Never a record.

Both are dependencies, so that a test hands in others.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from airflow.utils.session import create_session
from fastapi import Depends
from sqlalchemy.orm import Session

from central_zone import settings as central_settings
from central_zone.settings import Settings
from central_zone.store.role_names import STEWARD
from central_zone.zone import Zone, opened
from crossing.policy import Policy


def settings() -> Settings:
    """Those of this process."""
    return central_settings.load()


def now() -> datetime:
    return datetime.now(UTC)


SettingsOfPage = Annotated[Settings, Depends(settings)]
Now = Annotated[datetime, Depends(now)]


def policy() -> Policy:
    return Policy()


def zone(of_page: SettingsOfPage, at: Now, read: Annotated[Policy, Depends(policy)]) -> Iterator[Zone]:
    """The central zone with the store opened by the steward's role. Nobody sent parcels to a page: it has no inbox."""
    with opened(of_page, inbox=Path(), role=STEWARD) as opened_zone:
        yield replace(opened_zone, now=lambda: at, policy=read)


def airflow_session() -> Iterator[Session]:
    """Airflow's metadata, to read."""
    with create_session() as session:
        yield session


LedgerOfPage = Annotated[Zone, Depends(zone)]
RunsOfPage = Annotated[Session, Depends(airflow_session)]
