"""The pages over a real store: the night of England is quick, one practice is told whole, and no small number of people is."""

import gc
import re
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from central_zone.settings import Settings
from gp_collect_pages import reading
from support.airflow_account import Account, an_account
from support.england_nights import NOW, England
from support.opened_pages import Visitor
from support.postgres import Postgres
from support.watched_practices import SAID, Watched, watched

pytestmark = pytest.mark.airflow


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with an_account() as made:
        yield made


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres, account: Account) -> Watched:
    """6,300 practices over two weeks."""
    return watched(tmp_path_factory.mktemp("england"), postgres, account, England())


@pytest.fixture
def england(seen: Watched) -> Visitor:
    return seen.visitor


def test_the_first_view_of_england_takes_less_than_a_second(england: Visitor) -> None:
    england.opens("/night")  # templates are compiled
    taken = sorted(_one_view(england) for _ in range(3))
    sys.stdout.write("6,300 practices, 14 nights: " + ", ".join(f"{each:.2f}" for each in taken) + " s of processor\n")
    assert taken[1] < 1


def _one_view(england: Visitor) -> float:
    """Seconds of this process. What other tests left in it is kept from the collector, whose walk through it is not the page's."""
    gc.collect()
    gc.freeze()
    began = time.process_time()
    answer = england.opens("/night")
    used = time.process_time() - began
    gc.unfreeze()
    assert answer.status_code == 200
    assert "of 6,300" in answer.text
    return used


def test_who_needs_somebody_comes_first_with_reason_remedy_and_the_way_to_the_task(england: Visitor) -> None:
    text = england.opens("/night").text
    assert text.index("X00001") < text.index("X00002")
    assert SAID["message"] in text
    assert 'href="/dags/collect__gpdpr/runs/night/tasks/each_shard.pull/mapped/4"' in text


def test_what_failed_for_all_alike_comes_before_them_and_is_no_practice(england: Visitor, account: Account) -> None:
    all_alike = {**SAID, "practice_code": None, "step": "fetch_parcels", "message": "MESH did not answer."}
    run = account.run("load__gpdpr", "without-mesh", NOW - timedelta(hours=1))
    account.word(
        run, "load__gpdpr", "without-mesh", "fetch_parcels", NOW - timedelta(minutes=50), [all_alike], map_index=-1
    )
    text = england.opens("/night").text
    assert text.index("No single practice") < text.index("MESH did not answer.") < text.index("X00001")
    assert 'href="/dags/load__gpdpr/runs/without-mesh/tasks/fetch_parcels"' in text
    assert ">None<" not in text
    assert "of 6,300" in text
    account.run("load__gpdpr", "with-mesh", NOW - timedelta(minutes=30))
    assert "MESH did not answer." not in england.opens("/night").text


def test_what_failed_first_and_came_since_is_told_apart_with_what_it_came_to(
    england: Visitor, account: Account
) -> None:
    code, began = "X00007", NOW - timedelta(hours=4)  # its parcel arrived three hours ago, and is loaded
    run = account.run("collect__gpdpr", "mended", began)
    said = {**SAID, "practice_code": code, "message": "The supplier did not answer."}
    account.word(run, "collect__gpdpr", "mended", "each_shard.pull", began, [said], map_index=1)
    text = england.opens("/night").text
    stands, _, mended = text.partition("1 practice failed first, and something came of it since")
    assert "The supplier did not answer." not in stands
    assert re.search(rf">{code}</a></th>\s*<td>pull</td>\s*<td>loaded</td>\s*<td>The supplier did not answer.", mended)
    assert mended.index(code) < mended.index("Practices by nights")


@pytest.mark.parametrize(
    ("chosen", "found"),
    [({"supplier": "TPP"}, 2100), ({"region": "London"}, 900), ({"state": "failed"}, 1), ({"supplier": "Nobody"}, 0)],
)
def test_what_is_chosen_is_shown(england: Visitor, chosen: dict[str, str], found: int) -> None:
    assert f"<p>{found:,} practices" in england.opens("/night", **chosen).text


def test_who_is_absent_at_six_is_late_by_the_evening(seen: Watched) -> None:
    """Of those who sent nothing tonight most sent something last night, and have until the afternoon."""
    at_six, by_evening = (absent_at(seen, NOW + timedelta(hours=hours)) for hours in (0, 12))
    assert at_six["late"] > 0
    assert at_six["not_due"] > 0
    assert by_evening == {"late": at_six["late"] + at_six["not_due"], "not_due": 0}


def absent_at(seen: Watched, now: datetime) -> dict[str, int]:
    visitor = Visitor().allowed().handed({**seen.visitor.app.dependency_overrides, reading.now: lambda: now})
    found = {}
    for state in ("late", "not_due"):
        told = re.search(r"<p>([\d,]+) practices", visitor.opens("/night", state=state).text)
        assert told
        found[state] = int(told[1].replace(",", ""))
    return found


def test_no_page_has_more_practices_than_a_person_can_read(england: Visitor) -> None:
    text = england.opens("/night", page=2).text
    assert text.count('<th scope="row"><a href="/gp-collect/practice/') == 200
    assert "Page 2 of 32" in text


@pytest.mark.parametrize(
    "nonsense", [{"nights": 0}, {"nights": 61}, {"page": 0}, {"page": "x"}, {"supplier": "x" * 99}]
)
def test_nonsense_is_refused(england: Visitor, nonsense: dict[str, object]) -> None:
    assert england.opens("/night", **nonsense).status_code == 422


def test_a_practice_tells_its_parcels_their_seconds_and_what_was_kept_out(england: Visitor) -> None:
    text = england.opens("/practice/X00001").text
    assert SAID["message"] in text
    for told in ("3,120", "date before birth", "1.6", "London", "Waits for"):
        assert told in text


def test_whoever_has_a_parcel_held_waits_for_a_steward_and_is_shown_the_way(england: Visitor) -> None:
    held = re.search(r"practice/(X\d{5})", england.opens("/night", state="held").text.partition('class="heat"')[2])
    assert held
    text = england.opens(f"/practice/{held[1]}").text
    assert "Waits for</dt><dd><strong>a steward's word on parcel 14</strong>" in text.replace("&#39;", "'")
    assert "/decisions?collection=gpdpr" in text


@pytest.mark.parametrize("code", ["X99999", "nobody", "X0000"])
def test_a_practice_that_nobody_knows_has_no_page(england: Visitor, code: str) -> None:
    assert england.opens(f"/practice/{code}").status_code in (404, 422)


def test_the_register_is_told_as_published_and_nothing_beside_it(seen: Watched, england: Visitor) -> None:
    folder = seen.register
    assert "not been published yet" in england.opens("/register").text
    folder.mkdir()
    (folder / "index.html").write_text("<p>the register</p>")
    (folder / ".index.html.draft").write_text("half of it")
    assert "Read the register" in england.opens("/register").text
    assert england.opens("/register/published/index.html").text == "<p>the register</p>"
    assert england.opens("/register/published/.index.html.draft").status_code == 404
    assert england.opens("/register/published/..%2Fpolicy%2Fpractices.csv").status_code == 404


def test_lineage_names_runs_and_tables_and_tells_no_few_people(england: Visitor) -> None:
    text = england.opens("/lineage").text
    assert "records.observation: 3,120" in text
    assert "records.patient: fewer than 10" in text
    run = text.partition("/lineage?run=")[2].partition('"')[0]
    assert england.opens("/lineage", run=run).text.count("records.observation") == 1
    assert "Earlier events" in text
    assert "2 tables" in text, "a page of events can be looked over: what each wrote is a click away"


def test_a_store_that_cannot_be_reached_is_told_as_a_page(england: Visitor) -> None:
    nobody = Settings({"GP_STORE_URL": "postgresql+psycopg://postgres:@/store?host=/nobody/there"})
    visitor = Visitor().allowed().handed({**england.app.dependency_overrides, reading.settings: lambda: nobody})
    answer = visitor.opens("/night")
    assert answer.status_code == 503
    assert "cannot be reached" in answer.text
