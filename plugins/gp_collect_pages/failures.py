"""What failed, from Airflow's own account: the words that each task left for its practices, else that it failed.

A step leaves an XCom `practices_failed`: practice, step, error, who acts, message; our own sentences, never a value.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import Row, and_, func, select
from sqlalchemy.orm import Session

from central_zone.night.states import Failure
from tell_what_failed import KEY

_OF_A_COLLECTION = {"collect": True, "load": False}  # DAG -> whether it runs at the source
_SUMS_UP = "every_"
_SAID_NOTHING = "The task failed and left no word of why: see its log."


def failures_since(session: Session, collection: str, since: datetime) -> list[Failure]:
    """Every failure of a practice in runs that began since then, oldest first."""
    dags = [f"{verb}__{collection}" for verb in _OF_A_COLLECTION]
    in_time = and_(DagRun.dag_id.in_(dags), DagRun.start_date >= since)
    said = _said(session, in_time)
    told = {(row.dag_id, row.run_id, row.task_id, row.map_index) for row in said}
    silent = [
        row for row in _failed(session, in_time) if (row.dag_id, row.run_id, row.task_id, row.map_index) not in told
    ]
    newest = _newest_runs(session, in_time)
    found = [each for row in said for each in _from_words(row, is_newest=row.began == newest[row.dag_id])]
    found += [each for row in silent for each in _from_silence(row)]
    return sorted(found, key=lambda each: each.at)


def _said(session: Session, in_time: Any) -> Sequence[Row[Any]]:
    xcom = XComModel
    columns = (
        xcom.dag_id,
        xcom.run_id,
        xcom.task_id,
        xcom.map_index,
        xcom.timestamp.label("at"),
        xcom.value,
        DagRun.start_date.label("began"),
    )
    same_run = DagRun.id == xcom.dag_run_id
    return session.execute(select(*columns).join(DagRun, same_run).where(in_time, xcom.key == KEY)).all()


def _newest_runs(session: Session, in_time: Any) -> dict[str, datetime]:
    """By DAG, when its last run began."""
    began = select(DagRun.dag_id, func.max(DagRun.start_date)).where(in_time).group_by(DagRun.dag_id)
    return {row.dag_id: row[1] for row in session.execute(began)}


def _failed(session: Session, in_time: Any) -> Sequence[Row[Any]]:
    """Tasks of single shards: the last ones of a run fail because of them."""
    task = TaskInstance
    columns = (
        task.dag_id,
        task.run_id,
        task.task_id,
        task.map_index,
        task.end_date.label("at"),
        task.rendered_map_index,
    )
    same_run = and_(DagRun.dag_id == task.dag_id, DagRun.run_id == task.run_id)
    failed = (task.state == "failed", task.map_index >= 0, task.end_date.is_not(None))
    return session.execute(select(*columns).join(DagRun, same_run).where(in_time, *failed)).all()


def _from_words(row: Row[Any], *, is_newest: bool) -> Iterable[Failure]:
    """What is no single practice's is told of the newest run: if it fails still, that says so, and else it is over. The last tasks
    only sum up what the others said."""
    for each in XComModel.deserialize_value(row) or ():
        code = each["practice_code"]
        if code is None and (not is_newest or row.task_id.startswith(_SUMS_UP)):
            continue
        yield _failure(
            row,
            practice_code=None if code is None else str(code),
            step=str(each["step"]),
            error=str(each["error"]),
            who_acts=str(each["who_acts"]),
            message=str(each["message"]),
        )


def _from_silence(row: Row[Any]) -> Iterable[Failure]:
    """A shard at the source is labelled with its practices. One at the centre holds parcels, of which the ledger tells."""
    if not _OF_A_COLLECTION[row.dag_id.partition("__")[0]]:
        return
    for code in (row.rendered_map_index or "").split():
        step = row.task_id.rpartition(".")[2]
        yield _failure(row, practice_code=code, step=step, error="", who_acts="person", message=_SAID_NOTHING)


def _failure(row: Row[Any], **said: Any) -> Failure:
    of_source = _OF_A_COLLECTION[row.dag_id.partition("__")[0]]
    return Failure(at=row.at, of_source=of_source, task=task_path(row), **said)


def task_path(row: Row[Any]) -> str:
    """Of a task's page in Airflow's UI, from where that begins."""
    mapped = f"/mapped/{row.map_index}" if row.map_index >= 0 else ""
    return f"/dags/{quote(row.dag_id, safe='')}/runs/{quote(row.run_id, safe='')}/tasks/{quote(row.task_id, safe='')}{mapped}"
