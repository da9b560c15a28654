"""Act on what practices say of people, wholly in the central zone, which sees pseudonyms only.

**take_notices** erases whoever opted out after their records came: from every table, version, quarantine, waiting parcel and
release, each with a signed certificate; and keeps the lists of who may be used beyond care (national data opt-out).
Both may be run again at any time. `every_notice_taken` names what could not be acted on.
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, TriggerRule, dag, task

from account_for_opt_outs import announce_notices_taken, every_notice_taken, noting_tries
from account_for_parcels import fetch_parcels
from crossing.policy import Collection, Policy
from stop_for_a_person import stop_for_a_person

HOURLY = CronTriggerTimetable("50 * * * *", timezone="Europe/London", run_immediately=timedelta(0))


def erase(collection: Collection) -> None:
    @dag(
        dag_id=f"erase__{collection.id}",
        schedule=AssetOrTimeSchedule(timetable=HOURLY, assets=[Asset(f"notices__{collection.id}")]),
        max_active_runs=1,
        doc_md=__doc__,
        tags=["zone:central", collection.id],
        default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=2)},
    )
    def erase_people():
        @task(trigger_rule=TriggerRule.ALL_DONE)
        @stop_for_a_person
        def take_notices(ti=None) -> dict:
            from central_zone import settings, take_notices

            loaded = settings.load()
            waiting = take_notices.notices_waiting(collection.id, loaded)
            return noting_tries({"notices": take_notices.take_notices(waiting, loaded)}, ti)

        whatever_happened = partial(task, trigger_rule=TriggerRule.ALL_DONE)
        announce = whatever_happened(outlets=[Asset(f"records__{collection.id}")])(announce_notices_taken)
        taken = take_notices()
        fetched = task(fetch_parcels)()
        account = whatever_happened(retries=0)(every_notice_taken)
        fetched >> taken >> announce(taken) >> account(taken, fetched)

    erase_people()


for name in Policy().collections():
    erase(Policy().collection(name))
