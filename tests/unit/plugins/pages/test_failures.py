"""What failed is read from Airflow as the tasks said it; a task that said nothing is told all the same."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from gp_collect_pages.failures import failures_since
from support.airflow_account import Account, an_account

pytestmark = pytest.mark.airflow

AT = datetime(2026, 11, 26, 1, 10, tzinfo=UTC)
SAID = {
    "practice_code": "Y99008",
    "step": "pull",
    "error": "DeliveryRefused",
    "who_acts": "person",
    "message": "A file is cut off. Ask for it again.",
}
COLLECT, NIGHT = "collect__gpdpr", "scheduled__2026-11-26T01:00:00+00:00"


@pytest.fixture
def account() -> Iterator[Account]:
    with an_account() as made:
        yield made


def test_what_a_task_said_of_its_practices_is_told_with_the_way_to_the_task(account: Account) -> None:
    run = account.run(COLLECT, NIGHT, AT)
    account.word(run, COLLECT, NIGHT, "each_shard.pull", AT, [SAID], map_index=7)
    account.task(COLLECT, NIGHT, "each_shard.pull", AT, map_index=7, rendered_map_index="Y99008 Y99009")
    (told,) = failures_since(account.session, "gpdpr", AT - timedelta(hours=1))
    assert (told.practice_code, told.step, told.message, told.of_source) == ("Y99008", "pull", SAID["message"], True)
    assert (
        told.task == f"/dags/{COLLECT}/runs/scheduled__2026-11-26T01%3A00%3A00%2B00%3A00/tasks/each_shard.pull/mapped/7"
    )


def test_a_task_of_the_source_that_died_without_a_word_fails_each_practice_on_its_label(account: Account) -> None:
    account.run(COLLECT, NIGHT, AT)
    account.task(COLLECT, NIGHT, "each_shard.pseudonymise", AT, rendered_map_index="Y99001 Y99002")
    account.task(COLLECT, NIGHT, "every_practice_collected", AT, map_index=-1)
    account.task(COLLECT, NIGHT, "each_shard.shred", AT, state="success", rendered_map_index="Y99001 Y99002")
    told = failures_since(account.session, "gpdpr", AT)
    assert [(each.practice_code, each.step) for each in told] == [
        ("Y99001", "pseudonymise"),
        ("Y99002", "pseudonymise"),
    ]
    assert all("see its log" in each.message for each in told)


def test_runs_of_before_and_of_other_collections_are_not_told(account: Account) -> None:
    account.word(account.run(COLLECT, "old", AT - timedelta(days=1)), COLLECT, "old", "each_shard.pull", AT, [SAID])
    other = "collect__winter"
    account.word(account.run(other, NIGHT, AT), other, NIGHT, "each_shard.pull", AT, [SAID])
    assert failures_since(account.session, "gpdpr", AT) == []


def test_a_failure_at_the_centre_is_known_for_one(account: Account) -> None:
    run = account.run("load__gpdpr", NIGHT, AT)
    account.word(
        run, "load__gpdpr", NIGHT, "each_shard.receive", AT, [SAID | {"step": "receive", "who_acts": "try_again"}]
    )
    (told,) = failures_since(account.session, "gpdpr", AT)
    assert (told.of_source, told.who_acts) == (False, "try_again")


ALL = {
    "practice_code": None,
    "step": "fetch_parcels",
    "error": "MeshDown",
    "who_acts": "try_again",
    "message": "No answer.",
}


def test_what_failed_for_all_alike_is_nobodys_and_is_told_of_the_newest_run_only(account: Account) -> None:
    for name, at in (("first", AT), ("second", AT + timedelta(hours=1))):
        run = account.run("load__gpdpr", name, at)
        account.word(run, "load__gpdpr", name, "fetch_parcels", at, [ALL], map_index=-1)
    (told,) = failures_since(account.session, "gpdpr", AT)
    assert (told.practice_code, told.message, told.task) == (
        None,
        "No answer.",
        "/dags/load__gpdpr/runs/second/tasks/fetch_parcels",
    )
    account.run("load__gpdpr", "third", AT + timedelta(hours=2))
    assert failures_since(account.session, "gpdpr", AT) == [], "and the next went well"


def test_the_tasks_that_sum_up_say_nothing_new(account: Account) -> None:
    run = account.run("load__gpdpr", NIGHT, AT)
    account.word(run, "load__gpdpr", NIGHT, "every_parcel_loaded", AT, [ALL | {"step": "every_parcel_loaded"}])
    assert failures_since(account.session, "gpdpr", AT) == []
