"""Three nights of a real Airflow in which every task of every DAG is cleared wherever it can be."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from support.answers_given import Steward
from support.clears import Clears
from support.clears_walked import Walk
from support.killed_world import OTHER, PRACTICE, carry, deliver, make_next_key, say_allowed

HELD = ("every_parcel_loaded",)  # on nights this small every parcel is held
NOTHING_TO_DO = (
    "collect__gpdpr",
    "load__gpdpr",
    "decide__gpdpr",
    "decide_quarantine__gpdpr",
    "uphold_opt_outs__gpdpr",
    "erase__gpdpr",
)
Say = Callable[[str], None]


@dataclass(slots=True)
class Nights:
    """Each DAG is walked on the night on which it has something to do."""

    clears: Clears
    steward: Steward
    say: Say
    walked: dict[str, str] = field(default_factory=dict)

    def first(self) -> None:
        """Collected, loaded and told of, each task in every state; nothing is upheld yet."""
        deliver(self.clears.lived.world, 1, PRACTICE, OTHER)
        self.walk("collect__gpdpr")
        self.run("uphold_opt_outs__gpdpr")
        carry(self.clears.lived.world)
        self.walk("load__gpdpr", may_fail=HELD)
        self.walk("decide__gpdpr")
        self.run("decide__gpdpr")  # it takes two
        self.half_way("load__gpdpr", "each_shard.load", "load.before_commit")
        self.walk("decide_quarantine__gpdpr")
        for dag in ("publish_register", "reconcile__gpdpr", "watch_source", "watch_central"):
            self.walk(dag)
        self.clears.lived.world.note_after("load 1")

    def second(self) -> None:
        """Somebody opts out who has been sent; tasks are marked by hand as done that are not."""
        world = self.clears.lived.world
        deliver(world, 2, PRACTICE)
        self.marked_as_done("collect__gpdpr", "each_shard.pull")
        self.half_way("collect__gpdpr", "each_shard.pseudonymise", "leave.published")
        self.walk("uphold_opt_outs__gpdpr")
        say_allowed(world)
        carry(world)
        self.marked_as_done("load__gpdpr", "each_shard.load")
        self.all_of_the_centre()
        self.walk("erase__gpdpr")
        world.note_after("load 2")
        self.run("publish_register")
        self.walk("release__example_respiratory_demand")

    def third(self) -> None:
        """Of the first night's run all tasks are cleared when the third's delivery is there: it takes that, from fewer practices."""
        world, dag = self.clears.lived.world, "collect__gpdpr"
        deliver(world, 3, PRACTICE)
        make_next_key(world)
        self.fails_this_time(dag, self.walked[dag], "each_shard.pull")
        self.clears.who(dag).clear(dag, self.walked[dag])
        self.run(dag, self.walked[dag])
        self.again_where(dag, self.walked[dag], "removed")
        world.note_after("collect 3")
        self.run("uphold_opt_outs__gpdpr")
        carry(world)
        self.all_of_the_centre()
        for dag in ("erase__gpdpr", "publish_register", "reconcile__gpdpr"):
            self.run(dag)
        self.half_way("release__example_respiratory_demand", "release", "release.made")
        world.note_after("load 3")

    def with_nothing_to_do(self) -> None:
        """What is skipped is cleared, and is skipped again; of runs long ago everything is cleared at once."""
        for dag in NOTHING_TO_DO:
            run = self.run(dag)
            self.again_where(dag, run, "skipped")
            self.again_where(dag, run, "success")
        for dag, run in self.walked.items():
            self.clears.who(dag).clear(dag, run)
            self.run(dag, run)
            self.again_where(dag, run, "removed")

    def all_of_the_centre(self) -> None:
        for dag in ("load__gpdpr", "decide__gpdpr", "decide__gpdpr", "load__gpdpr"):  # it takes two to decide
            self.run(dag)

    def walk(self, dag: str, may_fail: tuple[str, ...] = ()) -> None:
        run = self.clears.alone(dag, "walked")
        self.walked[dag] = run
        self.say(f"walk {dag} {run}")
        Walk(self.clears, dag, run, may_fail, self.steward.answer).walk()
        self.clears.lived.gates.close(dag, *self.clears.names(dag))

    def run(self, dag: str, run: str | None = None) -> str:
        """That run, or the next."""
        self.say(f"run {dag} {run or ''}")
        return self.clears.run(dag, run or f"by-hand-{uuid4()}", self.steward.answer)

    def again_where(self, dag: str, run: str, state: str) -> None:
        """Each task of the run in this state, if there is any."""
        found = [each for each in self.clears.states.of(dag, run) if each.state == state]
        if found:
            self.clears.clear(dag, run, found)
            self.run(dag, run)

    def fails_this_time(self, dag: str, run: str, task: str) -> None:
        """A run that went well is cleared whole, and goes wrong: what it handed on when it went well hides nothing."""
        gates, states = self.clears.lived.gates, self.clears.states
        self.say(f"fails {dag} {run}")
        gates.say(dag, task, "before fail")
        self.clears.who(dag).clear(dag, run)
        gates.open(dag, *self.clears.names(dag))
        states.wait(f"{dag} to end", lambda: not states.active(dag), 240)
        assert states.run_state(dag, run) == "failed", states.of(dag, run)
        gates.close(dag, *self.clears.names(dag))
        gates.say(dag, task, "go")

    def half_way(self, dag: str, task: str, point: str) -> None:
        """A process that hangs in the middle of its work hears of nothing: its worker makes an end of it."""
        gates, states = self.clears.lived.gates, self.clears.states
        self.say(f"half way {dag} {task} {point}")
        gates.say(dag, task, f"at {point}")
        run = self.clears.begun(dag, f"half-way-{point}")
        gates.open(dag, *self.clears.names(dag))
        states.wait(point, lambda: all(gates.hangs(each.id) for each in states.of(dag, run, task)))
        gates.say(dag, task, "go")
        self.clears.clear(dag, run, states.of(dag, run, task))
        states.wait(f"{dag} to end", lambda: not states.active(dag), 240)
        gates.close(dag, *self.clears.names(dag))

    def marked_as_done(self, dag: str, task: str) -> Any:
        """By somebody who wants the red to go away. What is not done is not done, and the next run does it."""
        gates, states = self.clears.lived.gates, self.clears.states
        run = self.clears.begun(dag, f"marked-{task}")
        self.say(f"mark {dag} {task}")
        gates.open(dag, *(name for name in self.clears.names(dag) if name != task))
        states.wait(task, lambda: all(each.state == "scheduled" for each in states.of(dag, run, task)))
        for each in states.of(dag, run, task):
            self.clears.who(dag).mark(dag, run, f"{task}/{each.index}", "success")
        states.wait("the marked run's end", lambda: run not in states.active(dag))
        assert states.run_state(dag, run) == "failed", "a run whose work was not done is not green"
        gates.close(dag, *self.clears.names(dag))
