"""`gp-central store init`: by two at once, by somebody who may not, and on the demonstration's server."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from central_zone.errors import NotAdministrator
from central_zone.settings import Settings
from central_zone.store.init import Asked, init
from central_zone.store.look import look_at_store
from central_zone.store.role_names import AUDITOR
from support.postgres import PARTITIONS, psycopg_url

LEAVING = Asked(set_settings=False, partitions=PARTITIONS, demonstration=True)


def test_two_administrators_at_once_take_turns_on_one_store_and_on_two_of_one_server(postgres):
    first, second = postgres.an_empty_database(), postgres.an_empty_database()
    with ThreadPoolExecutor(3) as administrators:
        done = list(administrators.map(lambda url: init(url, LEAVING), [first, first, second]))
    assert sorted(each.migrated for each in done) == [False, True, True]
    for each in done:
        assert [verdict.why for verdict in each.verdicts if verdict.place.startswith("store: r")] != []
        assert [verdict.line() for verdict in each.verdicts if verdict.said == "wrong"] == [
            verdict.line() for verdict in each.verdicts if "fsync" in verdict.why
        ], "the tests' server does not wait for the disk, and nothing else is weaker"


def test_it_waits_for_another_and_hinders_nobody_who_only_works(postgres):
    url = postgres.a_store()
    with psycopg.connect(psycopg_url(url)) as other, ThreadPoolExecutor(1) as beside:
        other.execute("LOCK TABLE pg_catalog.pg_authid IN SHARE UPDATE EXCLUSIVE MODE")
        waiting = beside.submit(init, url, LEAVING)
        with psycopg.connect(psycopg_url(url), autocommit=True) as works:
            works.execute("SELECT rolname FROM pg_roles")
            works.execute("CREATE ROLE passing")
            works.execute("DROP ROLE passing")
        assert not waiting.done()
        other.rollback()
        assert waiting.result(60).migrated is False


def test_whoever_is_no_superuser_is_told_so_and_changes_nothing(postgres):
    url = postgres.a_store()
    with pytest.raises(NotAdministrator):
        init(Settings({"GP_STORE_URL": url}).store_url_of(AUDITOR), LEAVING)


def test_the_doctor_works_as_the_auditor_and_says_what_only_an_administrator_sees(postgres):
    url = postgres.a_store()
    init(url, LEAVING)
    said = look_at_store(Settings({"GP_STORE_URL": url, "GP_STORE_IS_DEMONSTRATION": "yes"}))
    assert [each.line() for each in said if each.said in ("wrong", "not looked at") and "fsync" not in each.why] == []
    assert any(each.said == "take care" and "only an administrator" in each.why for each in said)
    assert [each.why for each in said if each.place == "store: tasks"] == ["they come as gp_auditor, no superuser"]
