"""What the lineage says: which run read what, and wrote how many rows of what. Names, codes and counts, as they left."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from central_zone.night.one_practice import rows_in_words
from central_zone.store.connection import transaction
from central_zone.store.lineage_tables import outbox
from central_zone.zone import Zone

A_PAGE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSeen:
    """One event of the outbox."""

    number: int
    at: datetime
    job: str
    run: str
    inputs: tuple[str, ...]
    outputs: tuple[tuple[str, str], ...]  # name of a dataset, rows in words
    delivered_at: datetime | None


def events(zone: Zone, *, run: str | None = None, before: int | None = None) -> list[EventSeen]:
    """The last events, newest first; of one run, or before a number. Raises StoreDown, StoreRefused."""
    statement = select(outbox).order_by(outbox.c.id.desc()).limit(A_PAGE)
    if run is not None:
        statement = statement.where(outbox.c.event["run"]["runId"].astext == run)
    if before is not None:
        statement = statement.where(outbox.c.id < before)
    with transaction(zone.store, "look at the lineage") as connection:
        return [_event(row) for row in connection.execute(statement)]


def _event(row: Any) -> EventSeen:
    said = row.event
    return EventSeen(
        number=row.id,
        at=datetime.fromisoformat(said["eventTime"]),
        job=said["job"]["name"],
        run=said["run"]["runId"],
        inputs=tuple(each["name"] for each in said["inputs"]),
        outputs=tuple((each["name"], _rows(each)) for each in said["outputs"]),
        delivered_at=row.delivered_at,
    )


def _rows(output: dict[str, Any]) -> str:
    """Rows of a table of people, in the store or in a release, are people."""
    rows = output["outputFacets"]["outputStatistics"]["rowCount"]
    table = output["name"].rpartition(".")[2].rpartition("__")[2]
    return rows_in_words(table, rows)
