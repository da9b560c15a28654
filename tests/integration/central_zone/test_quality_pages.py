"""The pages on quality over a real store: what is on them, what is not, and that what they link to is there."""

import re
from datetime import timedelta

import pytest

from central_zone.metrics.names import METRICS
from central_zone.settings import Settings
from gp_collect_pages import reading
from support.opened_pages import UNDER, Visitor
from support.quality_nights import FIRST_NIGHT, keep, seven_practices

pytestmark = pytest.mark.airflow
LAST_MORNING = FIRST_NIGHT + timedelta(days=9, hours=6)
A_MONTH_LATER = LAST_MORNING + timedelta(days=30)


@pytest.fixture(scope="module")
def steward(postgres) -> Visitor:
    """Somebody who may look, on the morning after the tenth night of seven practices."""
    url = postgres.a_store()
    keep(url, seven_practices())
    handed = {reading.settings: lambda: Settings({"GP_STORE_URL": url}), reading.now: lambda: LAST_MORNING}
    return Visitor().allowed().handed(handed)


def seen(steward, path, **parameters):
    answer = steward.opens(path, **parameters)
    assert answer.status_code == 200, answer.text
    return answer.text


def words(html):
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_quality_tells_each_rule_and_each_practice(steward):
    text = words(seen(steward, "/quality", days=28))
    assert "Of 4 rules that were asked, something broke 3" in text
    assert re.search(r"observation dated in future of observation drop row 70 of 70 7 790 70,000 1.1 %", text)
    assert re.search(r"A00001 emis csv 10 1 2 190 0 10,000 1.9 %", text)


def test_after_a_pause_days_are_counted_back_from_the_newest_extract_and_that_is_said(steward):
    pause = Visitor().allowed().handed({**steward.app.dependency_overrides, reading.now: lambda: A_MONTH_LATER})
    since = "No extract has been judged since 10 October 2026: days are counted back from then."
    for path in (
        "/quality",
        "/quality/quarantine",
        "/quality/practice/A00001",
        "/quality/rule/observation/dated_in_future",
    ):
        assert since in words(seen(pause, path))
        assert "No extract has been judged since" not in words(seen(steward, path))
    assert "70 of 70 7 790 70,000" in words(seen(pause, "/quality", days=28))
    assert "7 of 7 7 160 7,000" in words(seen(pause, "/quality", days=1)), "the last night, and no other"
    assert "more than usual in 1 cases" in words(seen(pause, "/quality/drift"))


def test_small_numbers_of_people_are_on_no_page(steward):
    text = words(seen(steward, "/quality", days=1))
    assert "patient lsoa shape of patient drop row 1 of 7 1 fewer than 10 280 not shown" in text
    text = words(seen(steward, "/quality/rule/patient/lsoa_shape", practice="A00002"))
    assert text.count("fewer than 10 40 not shown") == 10
    assert not re.search(r"\b3 40\b", text)


def test_drift_names_who_changed_and_says_how_it_is_compared(steward):
    text = words(seen(steward, "/quality/drift"))
    assert "more than usual in 1 cases" in text
    assert "A00001" in text
    assert "100 of 1,000 10 % more than usual: 1 % more than usual: 1 %" in text
    assert "Nothing is said of fewer than 200 rows, 5 nights or 5 practices" in text
    alone = words(seen(steward, "/quality/practice/A00001"))
    assert "more than usual: 1 % more than usual: 1 %" in alone


def test_a_rule_over_nights_is_a_table_first_and_a_plot_with_words(steward):
    html = seen(steward, "/quality/rule/observation/dated_in_future", practice="A00001")
    assert 'role="img" aria-label="The share of rows' in html
    assert html.count("<circle") == 10
    assert words(html).count("10 1,000 1 %") == 9
    assert "Data steward" in html


def test_every_link_of_these_pages_leads_to_a_page_of_ours(steward):
    paths = {"/quality", "/quality/drift", "/quality/practice/A00001", "/quality/rule/observation/dated_in_future"}
    found = {link for path in paths for link in re.findall(rf'(?:href|action)="{UNDER}([^"?]*)', seen(steward, path))}
    ours = {re.sub(r"\{\w+\}", r"[^/]+", route.path) for route in steward.app.routes}
    assert {link for link in found if not any(re.fullmatch(path, link) for path in ours)} == set()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/quality/rule/observation/no_such_rule", 404),
        ("/quality/rule/observation/DROP", 422),
        ("/quality/practice/nobody", 422),
    ],
)
def test_what_is_no_rule_or_practice_is_refused(steward, path, status):
    assert steward.opens(path).status_code == status
    assert steward.opens("/quality", days=9999).status_code == 422


def test_metrics_can_be_scraped_from_behind_the_same_door(steward):
    answer = steward.opens("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert [line.split()[2] for line in answer.text.splitlines() if line.startswith("# HELP")] == [
        m.name for m in METRICS
    ]
    assert 'gp_collect_parcels_open{collection="gpdpr",state="held"} 1.0' in answer.text
