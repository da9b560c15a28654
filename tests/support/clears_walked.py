"""How one run goes, task by task: each is held in a state, cleared, held in the next."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from support.clears import STOPPED_BEFORE, Clears, below
from support.task_states import FINISHED, Instance

A_RETRY = 300  # seconds: runs that go on beside the one that is walked meet its gates too, and wait two minutes to be tried again


@dataclass(slots=True)
class Walk:
    """Of the run `run` of `dag`. All of its tasks' pools are closed."""

    clears: Clears
    dag: str
    run: str
    may_fail: tuple[str, ...] = ()  # tasks that tell of something that is not as it should be on this night
    meanwhile: Callable[[], Any] = lambda: None

    def walk(self) -> None:
        for task in self.clears.tasks[self.dag]:
            self._walk_task(task)
        self._whole_run()

    def _walk_task(self, task: dict[str, Any]) -> None:
        name = task["task_id"]
        moment = "before" if name.endswith(STOPPED_BEFORE) else "after"
        self._scheduled(name)
        self._queued(name, f"{moment} hold")
        self._running(name, f"{moment} {'retry' if task['retries'] else 'fail'}")
        if task["retries"]:
            self._seen(name, "up_for_retry")
            self._say(name, f"{moment} fail")
            self._clear(name)
        self._failed(name)
        if name.endswith("steward_decides"):
            self._seen(name, "awaiting_input")
            self._clear(name)
        self._finished(name)

    def _scheduled(self, name: str) -> None:
        """First without a state at all, while the scheduler hangs; whatever comes after it is then without one, too."""
        self._seen(name, "scheduled")
        with self.clears.lived.gates.scheduler_hangs(self.dag, self.run):
            self._clear(name)
            self._seen(name, "none")
            self._clear(name)
            later = [each for each in self._all() if each.state == "none" and each.task != name]
            if later:
                self.clears.clear(self.dag, self.run, later)
        self._seen(name, "scheduled")

    def _queued(self, name: str, what: str) -> None:
        gates = self.clears.lived.gates
        self._say(name, what)
        with gates.workers_hang():
            gates.open(self.dag, name)
            self._seen(name, "queued")
            before = {each.id for each in self._of(name)}
            self._clear(name)
            self._wait(name, "queued anew", lambda: not before & {each.id for each in self._of(name)})
            self._seen(name, "queued")

    def _running(self, name: str, then: str) -> None:
        """Cleared while it runs it is told to end; before it has, it is cleared once more."""
        gates = self.clears.lived.gates
        self._seen(name, "running")
        self._wait(name, "at its gate", lambda: all(gates.has_reached(each.id) for each in self._of(name)))
        self._say(name, then)
        self._clear(name)
        restarting = [each for each in self._of(name) if each.state == "restarting"]
        if restarting:
            self.clears.clear(self.dag, self.run, restarting)

    def _failed(self, name: str) -> None:
        """Whatever cannot go on without it has failed with it, and is cleared first: that brings it nowhere."""
        self._seen(name, "failed")
        later = below(self.clears.tasks[self.dag], name)
        self._wait(name, "what is below it to be decided", lambda: self._is_decided(later))
        stuck = [each for each in self._all() if each.state == "upstream_failed"]
        if stuck:
            self._over()
            self.clears.clear(self.dag, self.run, stuck)
            self._wait(name, "the same again", lambda: self._is_decided(later))
        self._say(name, "go")
        self._over()
        self.clears.clear(self.dag, self.run, self._of(name), include_downstream=True)

    def _is_decided(self, later: set[str]) -> bool:
        tasks = [each for each in self._all() if each.task in later]
        return all(each.state != "none" for each in tasks if not self._waits(each.task, self._all()))

    def _waits(self, task: str, among: list[Instance]) -> bool:
        """For one that is held out of its pool, and so is not decided yet."""
        held = {each.task for each in among if each.state not in FINISHED}
        return any(task in below(self.clears.tasks[self.dag], other) for other in held)

    def _finished(self, name: str) -> None:
        """Well, or with nothing to do; and then once more."""
        for again in (True, False):
            self._wait(name, "finished", lambda: self._ended(name))
            if again:
                bad = {each.state for each in self._of(name)} & {"failed", "upstream_failed"}
                self._over()
                assert not bad or name in self.may_fail, f"{self.dag} {name}: {self._all()}"
                self._clear(name)
                self._wait(name, "begun again", lambda: not self._are(name, ("none", "scheduled", "queued")))

    def _ended(self, name: str) -> bool:
        self.meanwhile()
        return self._are(name, FINISHED)

    def _whole_run(self) -> None:
        """When it has ended, all of its tasks at once."""
        self._wait("", "every run to end", self._all_over, A_RETRY)
        self.clears.who(self.dag).clear(self.dag, self.run)
        self._wait("", "every run to end again", self._all_over, A_RETRY)

    def _all_over(self) -> bool:
        """Of some DAGs several runs go on at once, and each may ask somebody."""
        self.meanwhile()
        return not self.clears.states.active(self.dag)

    def _over(self) -> None:
        """Where nothing of the run is left to do, the scheduler is about to end it. A task cleared in that very moment stays
        without a state in a run that is over (Airflow 3.3.2), until it is cleared once more."""
        if self.clears.states.run_is_done(self.dag, self.run):
            self._wait("", "the run to end", lambda: self.run not in self.clears.states.active(self.dag))

    def _say(self, name: str, what: str) -> None:
        self.clears.lived.gates.say(self.dag, name, what)

    def _clear(self, name: str) -> None:
        self.clears.clear(self.dag, self.run, self._of(name))

    def _all(self) -> list[Instance]:
        return self.clears.states.of(self.dag, self.run)

    def _of(self, name: str) -> list[Instance]:
        return self.clears.states.of(self.dag, self.run, name)

    def _are(self, name: str, states: tuple[str, ...]) -> bool:
        return all(each.state in states for each in self._of(name))

    def _seen(self, name: str, state: str) -> None:
        self._wait(name, state, lambda: self._are(name, (state,)))

    def _wait(self, name: str, what: str, condition: Callable[[], Any], seconds: float = 90) -> None:
        try:
            self.clears.states.wait(f"{self.dag} {name} {what}", condition, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}: {[(e.task, e.index, e.state) for e in self._all()]}") from None
