"""Every event of the outbox reaches the folder once, whatever happens in between."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select, update

from central_zone.register.deliver_lineage import deliver_lineage
from central_zone.store.lineage_tables import outbox
from crossing.lineage import LineageRefused, run_event

AT = datetime(2026, 9, 2, 1, 30, tzinfo=UTC)


def put_into_outbox(store: Engine, number: int) -> None:
    with store.begin() as connection:
        for each in range(number):
            event = run_event(
                job=f"load.gpdpr.Y99{each:03}", run_id=f"run-{each}", at=AT, inputs=[], outputs=[], facets={}
            )
            connection.execute(insert(outbox).values(event=event))


def lines(folder: Path) -> list[str]:
    return [json.loads(line)["run"]["runId"] for line in (folder / "lineage-2026-09-02.jsonl").read_text().splitlines()]


def test_events_are_delivered_once_and_in_order(store: Engine, tmp_path: Path) -> None:
    put_into_outbox(store, 3)
    assert [deliver_lineage(store, tmp_path) for _ in range(2)] == [3, 0]
    assert lines(tmp_path) == ["run-0", "run-1", "run-2"]
    with store.begin() as connection:
        assert connection.execute(select(func.count()).where(outbox.c.delivered_at.is_(None))).scalar_one() == 0


def test_a_crash_between_writing_and_marking_writes_nothing_twice(store: Engine, tmp_path: Path) -> None:
    put_into_outbox(store, 3)
    deliver_lineage(store, tmp_path)
    with store.begin() as connection:
        connection.execute(update(outbox).values(delivered_at=None))
    assert deliver_lineage(store, tmp_path) == 3
    assert lines(tmp_path) == ["run-0", "run-1", "run-2"]


def test_two_deliverers_at_once_write_nothing_twice(store: Engine, tmp_path: Path) -> None:
    put_into_outbox(store, 50)
    delivered: list[int] = []
    workers = [
        threading.Thread(target=lambda: delivered.append(deliver_lineage(store, tmp_path)), daemon=True)
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert sorted(delivered) == [0, 50]
    assert len(lines(tmp_path)) == 50


def test_an_event_with_an_identifier_stays_in_the_outbox(store: Engine, tmp_path: Path) -> None:
    with store.begin() as connection:
        connection.execute(insert(outbox).values(event={"eventTime": AT.isoformat(), "note": "9990548609"}))
    with pytest.raises(LineageRefused) as caught:
        deliver_lineage(store, tmp_path)
    assert "9990548609" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_outbox_makes_no_file(store: Engine, tmp_path: Path) -> None:
    assert deliver_lineage(store, tmp_path / "lineage") == 0
    assert not (tmp_path / "lineage").exists()
