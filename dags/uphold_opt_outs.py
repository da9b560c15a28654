"""Uphold what patients say after their records have left, wholly in the zone that may see identifiers.

**ask_for_erasures** finds who opted out since (a signed notice of tokens asks the centre to erase them) and who opted in
again (all there is of them leaves once more). **ask_the_national_service** and **take_its_answers** find, through MESH,
who has not opted out nationally. `every_opt_out_upheld` names what could not be done; nothing is given up for another's sake.
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import Asset, AssetOrTimeSchedule, CronTriggerTimetable, TriggerRule, dag, task

from account_for_opt_outs import announce_notices, every_opt_out_upheld, noting_tries
from account_for_practices import send_parcels
from crossing.policy import Collection, Policy
from stop_for_a_person import stop_for_a_person

HOURLY = CronTriggerTimetable("40 * * * *", timezone="Europe/London", run_immediately=timedelta(0))


def uphold(collection: Collection) -> None:
    @dag(
        dag_id=f"uphold_opt_outs__{collection.id}",
        schedule=AssetOrTimeSchedule(timetable=HOURLY, assets=[Asset(f"parcels__{collection.id}")]),
        max_active_runs=1,
        doc_md=__doc__,
        tags=["zone:source", collection.id],
        default_args={"owner": "source zone", "queue": "source", "retries": 2, "retry_delay": timedelta(minutes=5)},
    )
    def uphold_opt_outs():
        @task
        @stop_for_a_person
        def ask_for_erasures(dag_run=None, ti=None) -> dict:
            from source_zone import settings, uphold_practices

            return noting_tries(uphold_practices.uphold_practices(collection.id, dag_run.run_id, settings.load()), ti)

        @task
        @stop_for_a_person
        def ask_the_national_service() -> dict:
            from source_zone import settings
            from source_zone.national_opt_outs import ask

            return ask.check_national_opt_outs(collection.id, settings.load())

        @task(trigger_rule=TriggerRule.ALL_DONE)
        @stop_for_a_person
        def take_its_answers(ti=None) -> dict:
            from source_zone import settings
            from source_zone.national_opt_outs import take

            return noting_tries(take.take_national_answers(collection.id, settings.load()), ti)

        whatever_happened = partial(task, trigger_rule=TriggerRule.ALL_DONE)
        announce = whatever_happened(outlets=[Asset(f"notices__{collection.id}")])(announce_notices)
        asked, national, answers = ask_for_erasures(), ask_the_national_service(), take_its_answers()
        sent = whatever_happened()(send_parcels)(collection.id)
        account = whatever_happened(retries=0)(every_opt_out_upheld)
        national >> answers
        [asked, answers] >> sent >> announce(asked, answers) >> account(asked, sent, national, answers)

    uphold_opt_outs()


for name in Policy().collections():
    uphold(Policy().collection(name))
