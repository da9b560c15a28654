"""What the tasks of a run handed on, in one shape.

Of a mapped group Airflow gives a list of its members' results; nothing at all where no member came through; and, of
a single member, that member's result bare (3.3.2: `xcom_pull` of one value).
"""

from collections.abc import Iterable, Sized
from typing import Any

from crossing.errors import PersonMustAct

Result = dict[str, Any]  # of one practice or one parcel: codes, ids, counts and states
Results = Iterable[Any] | None


class NeverKnown(PersonMustAct):
    """The run's first task failed, so that nobody can say what the run should have done."""


def members_of(shards: Iterable[Iterable[str]] | None) -> list[str]:
    """The practices or parcels of all shards. Raises NeverKnown where the first task gave none, not even an empty list."""
    if shards is None:
        raise NeverKnown("It never became known what this run had to do: see its first task, mend that and clear it.")
    return [member for shard in shards for member in shard]


def each_result(results: Results) -> list[Result]:
    """The results of all shards that came through, one after another."""
    shards: list[list[Result]] = [shard if isinstance(shard, list) else [shard] for shard in results or ()]
    return [result for shard in shards for result in shard]


def standing_results(task: str, shards: Sized, task_instance: Any) -> Results:
    """What the members of a mapped task gave in this run that still stands: of those that are members today, and that came through.

    Airflow forgets what a task handed on only when it begins again. One that never does, for what comes before it failed
    or its shard is no more since the run was cleared, would still say what it said the last time.
    """
    dag, run = task_instance.dag_id, task_instance.run_id
    states = task_instance.get_task_states(dag_id=dag, run_ids=[run], task_ids=[task]).get(run, {})
    stand = [number for number in range(len(shards)) if states.get(f"{task}_{number}") == "success"]
    return task_instance.xcom_pull(task_ids=task, map_indexes=stand) if stand else []
