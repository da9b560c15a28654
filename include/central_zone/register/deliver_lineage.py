"""Takes lineage events from the store's outbox to a folder. None is lost, and none is written twice."""

from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, Row, select, text, update

from central_zone.store.connection import transaction
from central_zone.store.lineage_tables import outbox
from crossing.faultpoint import faultpoint
from crossing.lineage import append_event, day_file, event_line

_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtext('gp-collect deliver lineage'))")


def deliver_lineage(engine: Engine, folder: Path) -> int:
    """Appends every event that has not been delivered to its day's file; how many were.

    A crash between writing and marking is mended the next time: a line that is there already is not written again.
    Raises StoreDown, StoreRefused or LineageRefused; what was written before is marked the next time.
    """
    with transaction(engine, "Delivering lineage") as connection:
        connection.execute(_ONE_AT_A_TIME)
        waiting = connection.execute(
            select(outbox.c.id, outbox.c.event).where(outbox.c.delivered_at.is_(None)).order_by(outbox.c.id)
        ).all()
        _write(folder, waiting)
        faultpoint("lineage.written")
        delivered = update(outbox).where(outbox.c.id.in_([row.id for row in waiting]))
        connection.execute(delivered.values(delivered_at=datetime.now(UTC)))
    return len(waiting)


def _write(folder: Path, waiting: list[Row[Any]] | Any) -> None:
    by_file: defaultdict[Path, list[dict[str, Any]]] = defaultdict(list)
    for row in waiting:
        by_file[day_file(folder, row.event)].append(row.event)
    for file, events in by_file.items():
        there = set(file.read_bytes().splitlines(keepends=True)) if file.exists() else set()
        for event in events:
            if event_line(event) not in there:
                append_event(folder, event)
