"""Reconcile what should be in the store with what is, for each practice, in the zone that sees pseudonyms only.

After every load and each morning: deliveries **expected** (by each practice's own rhythm) against those that arrived,
the rows that manifests say were sent against those **counted** in the store, gaps, and what recon extracts found.
`every_practice_agrees` names those that differ, and the run is then not green. The report is kept in the ledger.
"""

from datetime import timedelta

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from crossing.policy import Collection, Policy
from stop_for_a_person import stop_for_a_person

EACH_MORNING = CronTriggerTimetable("30 7 * * *", timezone="Europe/London", run_immediately=timedelta(0))


def reconcile(collection: Collection) -> None:
    @dag(
        dag_id=f"reconcile__{collection.id}",
        schedule=AssetOrTimeSchedule(timetable=EACH_MORNING, assets=[Asset(f"records__{collection.id}")]),
        max_active_runs=1,
        doc_md=__doc__,
        tags=["zone:central", collection.id],
        default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=5)},
    )
    def reconcile_practices():
        @task
        @stop_for_a_person
        def count_rows() -> int:
            from central_zone import reconcile, settings

            return reconcile.count_rows(collection.id, settings.load())

        @task
        @stop_for_a_person
        def write_report() -> dict[str, list[str]]:
            from central_zone import reconcile, settings

            return reconcile.write_report(collection.id, settings.load())

        @task(retries=0)
        @stop_for_a_person
        def every_practice_agrees(differing: dict[str, list[str]]) -> None:
            from central_zone import reconcile

            reconcile.check_none_differs(collection.id, differing)

        differing = write_report()
        count_rows() >> differing
        every_practice_agrees(differing)

    reconcile_practices()


for name in Policy().collections():
    reconcile(Policy().collection(name))
