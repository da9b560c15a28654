"""Watch a zone and tell people what waits for them: by whom, how soon and how often is in policy/alerts.toml.

A run of its own, every quarter of an hour: nobody's records wait for a mail. What was told is told again only when it changes, or
goes on for a day. A receiver that is down is tried again; the others have been told.
"""

from collections.abc import Callable
from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, dag, task

from stop_for_a_person import stop_for_a_person
from tell_people import as_data, tell_people

EVERY_QUARTER = CronTriggerTimetable("*/15 * * * *", timezone="Europe/London", run_immediately=timedelta(0))


@stop_for_a_person
def find_at_the_source() -> list[dict]:
    from source_zone import settings, watch

    return as_data(watch.watch(settings.load()))


@stop_for_a_person
def find_at_the_centre() -> list[dict]:
    from central_zone import settings, watch

    return as_data(watch.watch(settings.load()))


def watch_zone(zone: str, find: Callable[[], list[dict]]) -> None:
    @dag(
        dag_id=f"watch_{zone}",
        schedule=EVERY_QUARTER,
        max_active_runs=1,
        doc_md=__doc__,
        tags=[f"zone:{zone}"],
        default_args={"owner": f"{zone} zone", "queue": zone, "retries": 2, "retry_delay": timedelta(minutes=2)},
    )
    def watch():
        task(tell_people)(zone, task(task_id="find_alerts")(find)())

    watch()


watch_zone("source", find_at_the_source)
watch_zone("central", find_at_the_centre)
