"""Which states a task of ours cannot be in, and why; whatever is neither here nor shown fails the test.

An excuse holds for tasks by what Airflow itself says of them, so that a new task is asked for all that its kind can be in.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from support.clears import Pair, short

Task = Mapping[str, Any]  # as Airflow's interface describes it, with `waits_for`: the tasks before it


def is_mapped(task: Task) -> bool:
    return str(task["task_id"]).startswith(("each_shard.", "each_parcel.")) or asks_of_rows(task)


def asks_of_rows(task: Task) -> bool:
    """A member of one of the two groups of decide_quarantine."""
    return str(task["task_id"]).startswith(("each_releasable.", "each_other."))


def finds_rows(task: Task) -> bool:
    """Where nothing waits in quarantine the whole run has nothing to do."""
    return task["task_id"] in ("rows_kept_out", "that_may_be_released", "that_may_not")


def announces(task: Task) -> bool:
    return str(task["task_id"]).startswith("announce_")


@dataclass(frozen=True, slots=True)
class Excuse:
    """Tasks of which `of` holds cannot be in that state."""

    state: str
    of: Callable[[Task], bool]
    why: str


EXCUSES = (
    Excuse(
        "up_for_reschedule",
        lambda task: "sensor" not in task["class_ref"]["module_path"],
        "It is no sensor. (A worker that cannot read the DAG file leaves a task so, too: no night of ours brings that about.)",
    ),
    Excuse("up_for_retry", lambda task: not task["retries"], "It only tells what the others came to: once is enough."),
    Excuse("upstream_failed", lambda task: not task["waits_for"], "It waits for no task."),
    Excuse(
        "upstream_failed", lambda task: task["trigger_rule"] == "all_done", "It goes on whatever happened before it."
    ),
    Excuse(
        "skipped",
        lambda task: not is_mapped(task) and not announces(task) and not finds_rows(task),
        "It is not one of a group that may have no members, nor one that only wakes others.",
    ),
    Excuse("removed", lambda task: not is_mapped(task), "Only a group's members can become fewer within a run."),
    Excuse(
        "removed",
        asks_of_rows,
        "Cleared when all was decided on, its members are skipped. (Some are removed where another run decided on a part meanwhile.)",
    ),
    Excuse(
        "deferred",
        lambda task: task["class_ref"]["class_name"] != "PullWhenReady",
        "Only `pull` waits for a supplier.",
    ),
    Excuse(
        "awaiting_input",
        lambda task: task["class_ref"]["class_name"] != "HITLOperator",
        "Only a question waits for a person.",
    ),
)
# Shown by another test, which needs another world.
ELSEWHERE: dict[Pair, str] = {
    ("collect", "each_shard.pull", "deferred"): "tests/integration/test_airflow_bulk_fhir.py: cleared while it waits",
}


def not_accounted_for(
    tasks: Mapping[str, Iterable[Task]], states: Iterable[str], shown: Iterable[Pair]
) -> tuple[list[Pair], list[Pair]]:
    """Pairs that are neither shown nor excused; and pairs that are said to be impossible and were seen."""
    every = dict(_pairs(tasks, list(states)))
    cannot = {pair for pair, task in every.items() if any(each.state == pair[2] and each.of(task) for each in EXCUSES)}
    seen = set(shown)
    return sorted(set(every) - cannot - set(ELSEWHERE) - seen), sorted(cannot & seen)


def _pairs(tasks: Mapping[str, Iterable[Task]], states: list[str]) -> Iterator[tuple[Pair, Task]]:
    for dag, some in tasks.items():
        each = list(some)
        below = {name for task in each for name in task["downstream_task_ids"]}
        for task in each:
            for state in states:
                yield (short(dag), str(task["task_id"]), state), {**task, "waits_for": task["task_id"] in below}
