"""What Airflow's own database says of runs and tasks: quicker asked than its interface, and without its server's help."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

FINISHED = ("success", "failed", "skipped", "upstream_failed", "removed")
_TASKS = """
SELECT task_id, map_index, state, id::text, pool FROM task_instance WHERE dag_id = %s AND run_id = %s ORDER BY 1, 2
"""
_RUNS = """
SELECT run_id, state FROM dag_run WHERE dag_id = %s AND state IN ('queued', 'running') ORDER BY state DESC, run_after
"""


@dataclass(frozen=True, slots=True)
class Instance:
    """One task of one run, or one member of a mapped one."""

    task: str
    index: int
    state: str
    id: str

    @property
    def named(self) -> str | tuple[str, int]:
        return self.task if self.index < 0 else (self.task, self.index)


class NotSeen(AssertionError):
    """Something did not happen in time."""


@dataclass(slots=True)
class States:
    """Of one Airflow."""

    database: str
    _connection: psycopg.Connection[tuple[Any, ...]] | None = field(default=None, repr=False)

    def of(self, dag: str, run: str, task: str | None = None) -> list[Instance]:
        """A state that Airflow has no word for is "none"."""
        found = self._asked(_TASKS, dag, run)
        return [
            Instance(name, index, state or "none", id_) for name, index, state, id_, _ in found if task in (None, name)
        ]

    def active(self, dag: str) -> list[str]:
        """Ids of its runs that have not ended, the one that runs first."""
        return [run for run, _ in self._asked(_RUNS, dag)]

    def run_is_done(self, dag: str, run: str) -> bool:
        """Whether each of its tasks has come to an end."""
        return all(each.state in FINISHED for each in self.of(dag, run))

    def run_state(self, dag: str, run: str) -> str:
        return str(self._asked("SELECT state FROM dag_run WHERE dag_id = %s AND run_id = %s", dag, run)[0][0])

    def wait(self, what: str, condition: Callable[[], Any], seconds: float = 90) -> Any:
        """What the condition answered. Raises NotSeen."""
        until = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > until:
                raise NotSeen(f"{what}: not in {seconds:.0f} s")
            time.sleep(0.15)
        return found

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _asked(self, query: str, *values: str) -> list[tuple[Any, ...]]:
        if self._connection is None:
            self._connection = psycopg.connect(self.database, autocommit=True)
        return self._connection.execute(query, values).fetchall()
