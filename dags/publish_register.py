"""Publish the register of data uses, from what actually ran, and hand on the lineage of it.

Runs in the central zone: after every load and release, and each morning, so that what has expired is seen to have expired:
national checks that may no longer be relied on are deleted, and what was released on them is withdrawn.
"""

from datetime import timedelta

from airflow.sdk import Asset, AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from crossing.policy import Policy
from stop_for_a_person import stop_for_a_person


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 7 * * *", timezone="Europe/London", run_immediately=timedelta(0)),
        assets=AssetAny(Asset("releases"), *(Asset(f"records__{name}") for name in Policy().collections())),
    ),
    max_active_runs=1,
    doc_md=__doc__,
    tags=["zone:central"],
    default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=5)},
)
def publish_register():
    @task
    @stop_for_a_person
    def deliver_lineage() -> int:
        from central_zone.register.deliver_lineage import deliver_lineage as deliver
        from central_zone.settings import load
        from central_zone.store.connection import store_of
        from central_zone.store.role_names import PUBLISHER

        with store_of(load().store_url_of(PUBLISHER)) as store:
            return deliver(store, load().lineage_folder)

    @task
    @stop_for_a_person
    def purge_expired() -> dict:
        from central_zone import settings, withdraw

        return withdraw.purge(settings.load())

    @task
    @stop_for_a_person
    def build_register() -> dict:
        from central_zone.register.build_register import build
        from central_zone.settings import load

        return build(load().register_folder, load())

    [deliver_lineage(), purge_expired()] >> build_register()


publish_register()
