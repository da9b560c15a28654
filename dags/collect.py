"""Collect pseudonymised GP records, each practice on its own, wholly in the zone that may see identifiers.

A practice that fails fails alone, stays due (again from its `pull`), and is named at the end. A backfill takes its past.
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import Asset, CronTriggerTimetable, TriggerRule, dag, task, task_group

from account_for_practices import announce_parcels, every_practice_collected, send_parcels
from crossing.policy import Collection, Policy
from name_of_run import name_of
from stop_for_a_person import stop_for_a_person
from when_the_supplier_is_ready import PullWhenReady


def collect(collection: Collection) -> None:
    @dag(
        dag_id=f"collect__{collection.id}",
        schedule=CronTriggerTimetable(collection.schedule, timezone="Europe/London", run_immediately=timedelta(0)),
        max_active_runs=1,
        doc_md=__doc__,
        tags=["zone:source", collection.id],
        default_args={"owner": "source zone", "queue": "source", "retries": 2, "retry_delay": timedelta(minutes=5)},
    )
    def collect_records():
        @task
        @stop_for_a_person
        def practices_due(dag_run=None) -> list[list[str]]:
            from source_zone import settings, shards

            return shards.practices_due(collection.id, settings.load(), name_of(dag_run))

        @stop_for_a_person
        def pull(shard: list[str], run_id: str) -> list[dict]:
            from source_zone import settings, shards

            return shards.pull_shard(collection.id, shard, run_id, settings.load())

        @task
        @stop_for_a_person
        def apply_opt_outs(shard: list[str], dag_run=None) -> list[dict]:
            from source_zone import settings, shards

            return shards.decide_shard(collection.id, shard, name_of(dag_run), settings.load())

        @task
        @stop_for_a_person
        def pseudonymise(shard: list[str], dag_run=None) -> list[dict]:
            from source_zone import settings, shards

            return shards.seal_shard(collection.id, shard, name_of(dag_run), settings.load())

        @task
        @stop_for_a_person
        def shred(shard: list[str], dag_run=None) -> list[dict]:
            from source_zone import settings, shards

            return shards.shred_shard(collection.id, shard, name_of(dag_run), settings.load())

        @task_group(default_args={"map_index_template": "{{ task.op_args[0] | join(' ') }}"})
        def each_shard(shard: list[str]):
            sealed = pseudonymise(shard)
            pulled = PullWhenReady(task_id="pull", shard=shard, pull=pull)
            pulled >> apply_opt_outs(shard) >> sealed >> shred(shard).as_teardown(on_failure_fail_dagrun=True)
            return sealed

        whatever_happened = partial(task, trigger_rule=TriggerRule.ALL_DONE)
        announce = whatever_happened(outlets=[Asset(f"parcels__{collection.id}")])(announce_parcels)
        due = practices_due()
        sealed = each_shard.expand(shard=due)
        sent = whatever_happened()(send_parcels)(collection.id)
        sealed >> sent >> announce(sealed) >> whatever_happened()(every_practice_collected)(due, sealed, sent)

    collect_records()


for name in Policy().collections():
    collect(Policy().collection(name))
