"""Airflow's own account of runs, in tables of Airflow's own making: what pages read of it, without an Airflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from airflow.models import import_all_models
from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.models.tasklog import LogTemplate
from airflow.models.xcom import XComModel
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

_TABLES = [model.__table__ for model in (LogTemplate, DagRun, TaskInstance, XComModel, HITLDetail)]


@dataclass(slots=True)
class Account:
    """Runs are written with what a test says of them; the rest is as of a run that is over."""

    session: Session
    runs: int = 0

    def run(self, dag_id: str, run_id: str, began: datetime) -> int:
        self.runs += 1
        self._insert(
            DagRun,
            id=self.runs,
            dag_id=dag_id,
            run_id=run_id,
            start_date=began,
            run_after=began,
            state="failed",
            run_type="manual",
        )
        return self.runs

    def task(self, dag_id: str, run_id: str, task_id: str, ended: datetime, **more: Any) -> None:
        row = {"map_index": 0, "state": "failed", "pool": "default_pool", "pool_slots": 1, "queue": "source"} | more
        self._insert(
            TaskInstance, id=uuid4(), dag_id=dag_id, run_id=run_id, task_id=task_id, end_date=ended, try_number=1, **row
        )

    def question(self, dag_id: str, run_id: str, asked_at: datetime, question: dict[str, str], **task: Any) -> None:
        """One that nobody has answered yet."""
        asked = uuid4()
        awaiting = {"id": asked, "state": "awaiting_input", "queue": "central", "end_date": None} | task
        self._insert(
            TaskInstance,
            dag_id=dag_id,
            run_id=run_id,
            task_id="each_parcel.steward_decides",
            pool="default_pool",
            pool_slots=1,
            try_number=1,
            **awaiting,
        )
        words = {"subject": question["subject"], "body": question["body"]}
        self._insert(HITLDetail, ti_id=asked, options=[], params={}, params_input={}, created_at=asked_at, **words)

    def word(
        self, run: int, dag_id: str, run_id: str, task_id: str, at: datetime, value: Any, map_index: int = 0
    ) -> None:
        """An XCom `practices_failed`."""
        self._insert(
            XComModel,
            dag_run_id=run,
            dag_id=dag_id,
            run_id=run_id,
            task_id=task_id,
            map_index=map_index,
            key="practices_failed",
            value=value,
            timestamp=at,
        )

    def _insert(self, model: Any, **values: Any) -> None:
        self.session.execute(insert(model.__table__).values(**values))


@contextmanager
def an_account() -> Iterator[Account]:
    """Of no run yet. One connection, which threads share: pages are answered in another."""
    import_all_models()  # their tables refer to others
    engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    for table in _TABLES:
        table.create(engine)
    with Session(engine) as session:
        yield Account(session)
    engine.dispose()
