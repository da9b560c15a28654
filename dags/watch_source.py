"""Watch the source zone and tell people what waits for them: by whom, how soon and how often is in policy/alerts.toml.

A run of its own, every quarter of an hour: nobody's records wait for a mail. What was told is told again only when it changes, or
goes on for a day. A receiver that is down is tried again; the others have been told.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from stop_for_a_person import stop_for_a_person
from tell_people import as_data, tell_people

EVERY_QUARTER_OF_AN_HOUR = CronTriggerTimetable("*/15 * * * *", timezone="Europe/London", run_immediately=timedelta(0))


@dag(
    schedule=EVERY_QUARTER_OF_AN_HOUR,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["zone:source"],
    default_args={"owner": "source zone", "queue": "source", "retries": 2, "retry_delay": timedelta(minutes=2)},
)
def watch_source():
    @task
    @stop_for_a_person
    def find_alerts() -> list[dict]:
        from source_zone import settings, watch

        return as_data(watch.watch(settings.load()))

    task(tell_people)("source", find_alerts())


watch_source()
