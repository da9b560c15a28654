"""Load parcels into the secure store, in shards, wholly in the central zone, which sees pseudonyms only.

**fetch_parcels** brings what came over MESH. **receive** verifies a parcel before it is opened, **validate** sends rows
that break a rule to quarantine, **load** puts the rest into the store in one transaction. The ledger, not Airflow, knows
what is loaded: clearing any task is safe. A parcel that breaks too many rules is held, and a steward is asked.
`every_parcel_loaded` names what did not get in.
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, TriggerRule, dag, task, task_group

from account_for_parcels import every_parcel_loaded, fetch_parcels
from ask_the_steward import announce_held_parcels
from crossing.policy import Collection, Policy
from stop_for_a_person import stop_for_a_person

SWEEP = CronTriggerTimetable("15 * * * *", timezone="Europe/London", run_immediately=timedelta(0))


def load(collection: Collection) -> None:
    @dag(
        dag_id=f"load__{collection.id}",
        schedule=AssetOrTimeSchedule(timetable=SWEEP, assets=[Asset(f"parcels__{collection.id}")]),
        max_active_runs=1,
        doc_md=__doc__,
        tags=["zone:central", collection.id],
        default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=2)},
    )
    def load_records():
        @task(trigger_rule=TriggerRule.ALL_DONE)
        @stop_for_a_person
        def parcels_waiting() -> list[list[str]]:
            from central_zone import load_parcel, settings

            return load_parcel.parcels_waiting(collection.id, settings.load())

        @task
        @stop_for_a_person
        def receive(parcels: list[str]) -> list[dict]:
            from central_zone import load_parcel, settings

            return load_parcel.receive_shard(collection.id, parcels, settings.load())

        @task
        @stop_for_a_person
        def validate(parcels: list[str]) -> list[dict]:
            from central_zone import load_parcel, settings

            return load_parcel.validate_shard(collection.id, parcels, settings.load())

        @task(outlets=[Asset(f"records__{collection.id}")])
        @stop_for_a_person
        def load(parcels: list[str]) -> list[dict]:
            from central_zone import load_parcel, settings

            return load_parcel.load_shard(collection.id, parcels, settings.load())

        @task_group
        def each_shard(parcels: list[str]):
            loaded = load(parcels)
            receive(parcels) >> validate(parcels) >> loaded
            return loaded

        whatever_happened = partial(task, trigger_rule=TriggerRule.ALL_DONE)
        announce_held = whatever_happened(outlets=[Asset(f"held__{collection.id}")])(announce_held_parcels)
        fetched = task(fetch_parcels)()
        waiting = parcels_waiting()
        loaded = each_shard.expand(parcels=waiting)
        account = whatever_happened(retries=0)(every_parcel_loaded)
        fetched >> waiting
        announce_held(loaded) >> account(collection.id, waiting, fetched)

    load_records()


for name in Policy().collections():
    load(Policy().collection(name))
