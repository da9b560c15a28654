"""Our pages in a real browser, without an Airflow around them: readable by everybody, with or without script, in any light."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest
from playwright.sync_api import Browser

from central_zone.register.build_register import publish
from central_zone.register.read_ledger import Ledger, read_ledger
from central_zone.store.connection import store_of
from crossing.policy import Policy
from gp_collect_pages.app import pages
from support.airflow_account import an_account
from support.browsing import PICTURES, a_page
from support.england_nights import England
from support.england_quality import judge_what_is_there
from support.opened_pages import UNDER
from support.postgres import Postgres, psycopg_url
from support.served_pages import served
from support.watched_practices import watched

pytestmark = [pytest.mark.airflow, pytest.mark.needs_debian]

# Route -> the addresses that are looked at, and what of each is there only if it has something to show.
PAGES_OF = {
    "/night": {"night": "Ask the supplier to send it again"},
    "/practice/{code}": {"practice/X00001": "Ask the supplier to send it again"},
    "/decisions": {"decisions": "Too many rows broke a rule."},
    "/quality": {"quality": "number too large"},
    "/quality/drift": {"quality/drift": "more than usual: "},
    "/quality/quarantine": {
        "quality/quarantine": "They are entries of a test.",
        "quality/quarantine?practice=X00001": "number too large",
    },
    "/quality/practice/{code}": {"quality/practice/X00000": "more than usual: "},
    "/quality/rule/{table}/{rule}": {
        "quality/rule/observation/dated_in_future": "26 November 2026",
        "quality/rule/observation/dated_in_future?practice=X00001": "parcel by parcel",
    },
    "/register": {"register": "Read the register"},
    "/register/published/{name}": {"register/published/index.html": "What was collected"},
    "/lineage": {"lineage": "records.observation: 3,120"},
    "no route": {"nowhere": "There is no such page."},
}
NO_PAGES = {"/static/{name}", "/metrics"}
PAGES = {path: told for paths in PAGES_OF.values() for path, told in paths.items()}
TELEPHONE = {"width": 360, "height": 700}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[str]:
    """Where the pages begin: a dozen practices, of which some need somebody. For pictures, all of England."""
    england = England() if PICTURES else England(practices=12)
    with an_account() as account:
        seen = watched(tmp_path_factory.mktemp("pages"), postgres, account, england)
        judge_what_is_there(psycopg_url(seen.store), england.nights)
        with store_of(seen.store) as store:
            publish(seen.register, _of_a_dozen(read_ledger(store)), Policy())
        with served(seen.visitor.app, UNDER) as address:
            yield address


def _of_a_dozen(ledger: Ledger) -> Ledger:
    """The register names each practice: of England it has no fault either, but axe-core takes four minutes to say so."""
    return replace(ledger, parcels=tuple(run for run in ledger.parcels if run.practice_code < "X00012"))


def test_no_page_is_forgotten() -> None:
    assert {route.path for route in pages().routes} - NO_PAGES == PAGES_OF.keys() - {"no route"}


def test_no_page_has_a_grave_fault_of_accessibility_or_asks_anything_elsewhere(browser: Browser, home: str) -> None:
    """By all rules of axe-core in the light; in the dark nothing but contrast can differ."""
    with a_page(browser) as seen:
        for path, told in PAGES.items():
            seen.opens(f"{home}/{path}")
            assert told in seen.page.content(), path
            for light, rules in (("light", None), ("dark", ["color-contrast"])):
                seen.page.emulate_media(color_scheme=light)
                assert seen.faults(rules) == [], (path, light)
                seen.pictured(f"{re.sub(r'[^A-Za-z0-9]+', '-', path)}-{light}")
        assert seen.asked_elsewhere(home) == []
        assert [each for each in seen.complaints if "404" not in each] == []


def test_without_script_every_page_is_the_same_page(browser: Browser, home: str) -> None:
    """So what is found of it with script holds without."""
    with a_page(browser) as script, a_page(browser, java_script_enabled=False) as none:
        for path in PAGES:
            script.opens(f"{home}/{path}")
            none.opens(f"{home}/{path}")
            assert none.page.content() == script.page.content(), path


def test_a_fault_is_found(browser: Browser, home: str) -> None:
    with a_page(browser) as seen:
        seen.opens(f"{home}/night")
        seen.page.evaluate("document.querySelector('select').labels[0].remove()")
        assert [fault.partition(" ")[0] for fault in seen.faults(["select-name"])] == ["select-name"]


def test_everything_is_reached_by_keyboard_and_seen_where_it_is(browser: Browser, home: str) -> None:
    with a_page(browser) as seen:
        seen.opens(f"{home}/night")
        keyboard = seen.page.keyboard
        keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.className") == "skip"
        assert seen.page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
        keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "main"
        keyboard.press("Tab")
        shadow = seen.page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert shadow == "3px"


def test_without_script_one_chooses_a_supplier_and_opens_the_practice_that_failed(browser: Browser, home: str) -> None:
    with a_page(browser, java_script_enabled=False) as seen:
        seen.opens(f"{home}/night")
        seen.page.get_by_label("Supplier", exact=True).select_option("TPP")
        seen.page.get_by_role("button", name="Show").click()
        assert "supplier=TPP" in seen.page.url
        assert seen.page.get_by_role("row", name="X00001").count() >= 1
        seen.page.get_by_role("link", name="X00001").first.click()
        assert seen.page.get_by_role("heading", level=1).inner_text() == "Practice X00001"
        assert "Ask the supplier to send it again" in seen.page.content()


def test_on_a_telephone_nothing_but_tables_is_wider_than_the_screen(browser: Browser, home: str) -> None:
    with a_page(browser) as seen:
        seen.page.set_viewport_size(TELEPHONE)
        for path in PAGES:
            seen.opens(f"{home}/{path}")
            assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360, path
