"""In the real Airflow of the demonstration: what a steward, a responder and a stranger see and do, in a real browser."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from gp_collect_plugin import NAMED, PREFIX
from support.browsing import Seen, a_page
from support.shown_demonstration import Demonstration

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.needs_debian, pytest.mark.timeout(600)]

FAILED = "Y99008"  # on the first night
PATIENCE = 60_000  # milliseconds: Airflow's own pages take their time on a busy machine


@contextmanager
def signed_in(browser: Browser, shown: Demonstration, name: str) -> Iterator[Seen]:
    """By Airflow's own form, as anybody does."""
    password = json.loads(shown.api.passwords.read_text())[name]
    with a_page(browser) as seen:
        seen.page.set_default_timeout(PATIENCE)
        seen.opens(f"{shown.address}/auth/login/")
        seen.page.fill("input[name=username]", name)
        seen.page.fill("input[name=password]", password)
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_url(lambda address: "login" not in address)
        yield seen


def in_the_frame(page: Page) -> FrameLocator:
    """Our page within Airflow's."""
    return page.frame_locator("iframe")


@pytest.mark.parametrize("name", ["steward", "responder"])
def test_who_is_on_duty_sees_the_night_and_opens_what_failed(browser: Browser, shown: Demonstration, name: str) -> None:
    with signed_in(browser, shown, name) as seen:
        seen.opens(f"{shown.address}/plugin/gp-collect-night")
        ours = in_the_frame(seen.page)
        expect(ours.get_by_role("heading", level=1)).to_have_text("The night")
        expect(ours.locator(".lede")).to_contain_text("13 of 13")
        seen.pictured("night-in-airflow")
        ours.get_by_role("link", name=FAILED, exact=True).first.click()
        expect(ours.get_by_role("heading", level=1)).to_have_text(f"Practice {FAILED}")
        expect(ours.locator("main")).to_contain_text(
            "the file was cut off. Ask the supplier to send this extract again"
        )
        ours.get_by_role("link", name=re.compile("^Task pull")).click()
        seen.page.wait_for_url(re.compile(r"/dags/collect__gpdpr/runs/night-1/tasks/each_shard\.pull/mapped/\d+"))
        expect(seen.page.get_by_text(FAILED).first).to_be_visible()
        assert seen.page.locator("iframe").count() == 0, "Airflow's page is in the window, not in a frame of it"
        assert seen.asked_elsewhere(shown.address) == []


def test_each_of_our_pages_is_in_airflows_navigation(browser: Browser, shown: Demonstration) -> None:
    with signed_in(browser, shown, "steward") as seen:
        seen.opens(f"{shown.address}/")
        seen.page.get_by_text("Browse", exact=True).first.click()
        for name in NAMED.values():
            expect(seen.page.get_by_role("menuitem", name=name)).to_be_visible()


def test_a_stranger_and_whoever_is_not_signed_in_see_nothing(browser: Browser, shown: Demonstration) -> None:
    with a_page(browser) as nobody, signed_in(browser, shown, "stranger") as stranger:
        for path in (*NAMED, f"practice/{FAILED}", "static/pages.css"):
            assert nobody.opens(f"{shown.address}{PREFIX}/{path}") == 401, path
            assert stranger.opens(f"{shown.address}{PREFIX}/{path}") == 403, path
            assert FAILED not in stranger.page.content()
        stranger.opens(f"{shown.address}{PREFIX}/night")
        expect(stranger.page.locator("main")).to_contain_text("Your role in Airflow does not include this page")
