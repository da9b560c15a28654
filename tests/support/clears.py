"""One run of a DAG in which every task is brought into every state it can have, and is cleared there."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.places import DAGS
from support.airflow_world import Lived
from support.killed_world import PRACTICE
from support.people_asking import Person
from support.task_states import Instance, States

Pair = tuple[str, str, str]  # DAG, without its collection or use; task; state
# A task that a person answers is left before its work is done, one that finds nothing to do is skipped in the middle of it, and
# one that tells of what is held fails: they are stopped before they begin. All others are stopped when their work is done and
# nobody knows of it, which is worse.
STOPPED_BEFORE = (
    "steward_decides",
    "ask_another",
    "announce_parcels",
    "announce_held_parcels",
    "announce_notices",
    "announce_notices_taken",
    "every_parcel_loaded",
)


@dataclass(slots=True)
class Clears:
    """Of one Airflow: what was cleared where, and what each task of each DAG is."""

    lived: Lived
    tasks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    shown: dict[Pair, int] = field(default_factory=dict)

    @property
    def states(self) -> States:
        return self.lived.states

    def know_all(self) -> None:
        """Asks Airflow itself, so that no task is forgotten; each DAG's in an order in which they can run."""
        engineer, files = self.lived.person("engineer"), {path.name for path in DAGS.glob("*.py")}

        def every_file_read() -> Any:
            found = engineer.ask("GET", "/api/v2/dags?limit=200")["dags"]
            return {Path(dag["fileloc"]).name for dag in found} == files and found

        for dag in self.states.wait("every DAG", every_file_read):
            self.tasks[dag["dag_id"]] = in_order(engineer.tasks_of(dag["dag_id"]))
        for dag in self.tasks:
            self.lived.gates.close(dag, *self.names(dag))

    def names(self, dag: str) -> list[str]:
        return [task["task_id"] for task in self.tasks[dag]]

    def who(self, dag: str) -> Person:
        """Whose work it is to clear it."""
        name = {"decide": "steward", "decide_quarantine": "steward", "release": "engineer"}.get(short(dag), "responder")
        return self.lived.person(name)

    def begun(self, dag: str, name: str) -> str:
        """The run that is waiting to begin, for something woke it; otherwise one that is started by hand."""
        if not self.states.active(dag):
            conf = {"practice_code": PRACTICE} if short(dag) == "decide_quarantine" else {}
            self.lived.person("engineer").start(dag, name, conf)
        return str(self.states.wait(f"a run of {dag}", lambda: self.states.active(dag))[0])

    def alone(self, dag: str, name: str) -> str:
        """As `begun`, and nothing waits behind it: that would begin as soon as this one ends, and a run that is cleared then has
        to wait for it."""
        run = self.begun(dag, name)
        self.lived.gates.forget_events(dag)
        for other in self.states.active(dag):
            if other != run and self.states.run_state(dag, other) == "queued":
                self.who(dag).end(dag, other)
        return run

    def run(self, dag: str, name: str, meanwhile: Callable[[], Any] = lambda: None) -> str:
        """Lets it and whatever else of this DAG waits run to their end, as on any night."""
        for task in self.names(dag):
            self.lived.gates.say(dag, task, "go")
        run = self.begun(dag, name)
        self.lived.gates.open(dag, *self.names(dag))
        self.states.wait(f"{dag} to end", lambda: meanwhile() or not self.states.active(dag), 240)
        self.lived.gates.close(dag, *self.names(dag))
        return run

    def clear(self, dag: str, run: str, instances: Iterable[Instance], **more: bool) -> None:
        """Notes each as cleared in the state it was seen in."""
        seen = list(instances)
        assert seen, f"nothing to clear in {dag}"
        self.who(dag).clear(dag, run, *(each.named for each in seen), **more)
        for each in seen:
            pair = short(dag), each.task, each.state
            self.shown[pair] = self.shown.get(pair, 0) + 1


def short(dag: str) -> str:
    return dag.partition("__")[0]


def in_order(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each after all that it waits for."""
    waiting, done = {task["task_id"]: task for task in tasks}, []
    while waiting:
        late = {name for task in waiting.values() for name in task["downstream_task_ids"]}
        first = sorted(set(waiting) - late)
        done += [waiting.pop(name) for name in first]
    return done


def below(tasks: Iterable[Mapping[str, Any]], task: str) -> set[str]:
    """All that wait for it, at once or by way of others."""
    downstream = {each["task_id"]: each["downstream_task_ids"] for each in tasks}
    found: set[str] = set()
    new = set(downstream[task])
    while new:
        found |= new
        new = {name for each in new for name in downstream[each]} - found
    return found
