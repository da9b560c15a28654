"""Release to each approved data use what it may see, in the zone that sees pseudonyms only; into the secure store, never a file.

Started by a person: each release is a disclosure. `purge_expired` deletes national checks that may no longer be relied on and
withdraws what was released on them; `release` refuses unless the Five Safes hold and the register tells of the use.
"""

from datetime import timedelta

from airflow.sdk import Asset, dag, task

from crossing.policy import Policy
from stop_for_a_person import stop_for_a_person


def release(use: str) -> None:
    @dag(
        dag_id=f"release__{use}",
        schedule=None,
        max_active_runs=1,
        doc_md=__doc__,
        tags=["zone:central", use],
        default_args={"owner": "central zone", "queue": "central", "retries": 2, "retry_delay": timedelta(minutes=5)},
    )
    def release_to_data_use():
        @task
        @stop_for_a_person
        def purge_expired() -> dict:
            from central_zone import settings, withdraw

            return withdraw.purge(settings.load())

        @task(outlets=[Asset("releases")])
        @stop_for_a_person
        def release() -> dict:
            from central_zone import release, settings

            return release.release(use, settings.load())

        purge_expired() >> release()

    release_to_data_use()


for name in Policy().data_uses():
    release(name)
