"""Holds tasks of a real Airflow where a test wants them: out of their pool, in the queue of a worker that hangs, or half way."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

OPEN = 16
_POOL = """
INSERT INTO slot_pool (pool, slots, include_deferred) VALUES (%s, %s, false) ON CONFLICT (pool) DO UPDATE SET slots = EXCLUDED.slots
"""


@dataclass(frozen=True, slots=True)
class Gates:
    """`folder` is that of support.held_tasks, `scheduler` the process whose children are the workers."""

    folder: Path
    database: str
    scheduler: int

    def open(self, dag: str, *tasks: str) -> None:
        """The task may be queued."""
        self._slots(OPEN, dag, tasks)

    def close(self, dag: str, *tasks: str) -> None:
        """Whatever is not queued yet stays scheduled."""
        self._slots(0, dag, tasks)

    def say(self, dag: str, task: str, what: str) -> None:
        """What is to happen to it, whenever it next begins: see support.held_tasks. "go" lets go of whatever waits."""
        gate = self.folder / "gates" / f"{dag} {task}"
        draft = gate.with_name(f".{gate.name}")
        draft.write_text(what)
        draft.replace(gate)

    def forget_events(self, dag: str) -> None:
        """What has woken it since its run began: Airflow makes a run of that as soon as no other is on its way."""
        with psycopg.connect(self.database) as connection:
            connection.execute("DELETE FROM asset_dag_run_queue WHERE target_dag_id = %s", [dag])

    def has_reached(self, instance: str) -> bool:
        return (self.folder / "reached" / instance).exists()

    def hangs(self, instance: str) -> bool:
        """Whether the process of this try has come to its fault point."""
        reached = self.folder / "reached" / instance
        return reached.exists() and psutil.Process(int(reached.read_text())).status() == psutil.STATUS_STOPPED

    @contextmanager
    def scheduler_hangs(self, dag: str, run: str) -> Iterator[None]:
        """Not while it holds the run or a task of it in a transaction of its own: then nobody could clear anything."""
        os.kill(self.scheduler, signal.SIGSTOP)
        while self._is_locked(dag, run):
            os.kill(self.scheduler, signal.SIGCONT)
            time.sleep(0.05)
            os.kill(self.scheduler, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.scheduler, signal.SIGCONT)

    @contextmanager
    def workers_hang(self) -> Iterator[None]:
        """What is queued stays so. Tasks that run already go on."""
        workers = psutil.Process(self.scheduler).children()
        for each in workers:
            each.suspend()
        try:
            yield
        finally:
            for each in workers:
                each.resume()

    def _is_locked(self, dag: str, run: str) -> bool:
        with psycopg.connect(self.database) as connection:
            try:
                for table in ("dag_run", "task_instance"):
                    query = f"SELECT FROM {table} WHERE dag_id = %s AND run_id = %s FOR UPDATE NOWAIT"
                    connection.execute(query, (dag, run))
            except psycopg.errors.LockNotAvailable:
                return True
            finally:
                connection.rollback()
        return False

    def _slots(self, slots: int, dag: str, tasks: tuple[str, ...]) -> None:
        with psycopg.connect(self.database) as connection, connection.cursor() as cursor:
            cursor.executemany(_POOL, [(f"{dag} {task}", slots) for task in tasks])
