"""Waiting for a supplier without holding a worker: some are asked for an export, and take minutes to hours over it.

A practice whose supplier is still at work says when to ask again. The task is deferred until the first such moment, then
asks for those practices only. Airflow is told a time and practice codes, never an address: that stays in the source zone.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowException

from name_of_run import name_of
from results_of_shards import Result
from tell_what_failed import failures_in, failures_told_by, hand_on

Pull = Callable[[list[str], str], list[Result]]


class PullWhenReady(BaseOperator):
    """Calls `pull(shard, run_id)`, and again for practices whose result has `ask_again_at`, when that moment has come.

    `pull` stops for a person itself.
    """

    template_fields: Sequence[str] = ("shard",)

    def __init__(self, *, shard: list[str], pull: Pull, **options: Any) -> None:
        super().__init__(**{**options, "map_index_template": "{{ task.shard | join(' ') }}"})
        self.shard = shard
        self.pull = pull

    def execute(self, context: Context) -> list[Result]:
        return self.ask(context, self.shard, [])

    def ask_again(self, context: Context, waiting: list[str], done: list[Result], event: Any = None) -> list[Result]:
        """Where Airflow resumes."""
        return self.ask(context, waiting, done)

    def ask(self, context: Context, practices: list[str], done: list[Result]) -> list[Result]:
        try:
            results = self.pull(practices, name_of(context["dag_run"]))
        except AirflowException as told:
            hand_on([*failures_in(done), *failures_told_by(told)])
            raise
        done = [*done, *(each for each in results if "ask_again_at" not in each)]
        moments = {each["practice_code"]: each["ask_again_at"] for each in results if "ask_again_at" in each}
        if moments:
            self.defer(
                trigger=DateTimeTrigger(moment=datetime.fromisoformat(min(moments.values()))),
                method_name="ask_again",
                kwargs={"waiting": sorted(moments), "done": done},
            )
        hand_on(failures_in(done))  # of every asking: Airflow keeps what was handed on last
        return done
