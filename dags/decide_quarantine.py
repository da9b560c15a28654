"""Ask a data steward about rows that broke a rule and were kept out, and carry out what the steward decides.

Started by hand, for one practice. One question for each table and each set of rules that its rows broke, under Required Actions:
release them into the records (where policy/quarantine.toml lets a steward), discard them for good, or leave them. A question
that nobody answers for a week is left. What was decided goes into the ledger and the audit chain with the steward's name and reason.
"""

from datetime import timedelta
from functools import partial

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Asset, dag, task, task_group

from ask_about_rows_kept_out import (
    DISCARD,
    LEAVE,
    REASON,
    RELEASE,
    WHICH,
    decision_on,
    questions,
    that_may_be_released,
    that_may_not,
)
from crossing.policy import Collection, Policy
from stop_for_a_person import stop_for_a_person

A_WEEK = timedelta(days=7)


def decide_quarantine(collection: Collection) -> None:
    @dag(
        dag_id=f"decide_quarantine__{collection.id}",
        schedule=None,
        params=WHICH,
        max_active_runs=100,
        doc_md=__doc__,
        tags=["zone:central", collection.id],
        default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=2)},
    )
    def decide_on_rows_kept_out():
        @task
        @stop_for_a_person
        def rows_kept_out(params: dict) -> list[dict]:
            from central_zone import quarantine_lines, settings

            return questions(quarantine_lines.lines_of(collection.id, **params, settings=settings.load()))

        @task(outlets=[Asset(f"records__{collection.id}")])
        @stop_for_a_person
        def carry_out(rows: dict, answer: dict) -> dict:
            from central_zone import quarantine_decide, settings

            return quarantine_decide.decide_on_each(**decision_on(rows, answer), settings=settings.load())

        def each(name: str, options: list[str], asked):
            @task_group(group_id=name)
            def each_line(rows: dict, subject: str, body: str):
                ask = partial(HITLOperator, task_id="steward_decides", options=options, params=REASON)
                said = ask(subject=subject, body=body, defaults=LEAVE, response_timeout=A_WEEK)
                carry_out(rows, said.output)

            each_line.expand_kwargs(asked)

        found = rows_kept_out()
        each("each_releasable", [RELEASE, DISCARD, LEAVE], task(that_may_be_released)(found))
        each("each_other", [DISCARD, LEAVE], task(that_may_not)(found))

    decide_on_rows_kept_out()


for name in Policy().collections():
    decide_quarantine(Policy().collection(name))
