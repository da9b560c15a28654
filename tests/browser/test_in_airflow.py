"""In the real Airflow of the demonstration: what a steward, a responder and a stranger see and do, in a real browser."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from demo.airflow_api import wait_for
from gp_collect_plugin import NAMED, PREFIX
from support.browsing import Seen, a_page
from support.shown_demonstration import Demonstration
from support.third_night import REASON

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.needs_debian, pytest.mark.timeout(600)]

FAILED = "Y99008"  # on the first night
PATIENCE = 60_000  # milliseconds: Airflow's own pages take their time on a busy machine
expect.set_options(timeout=PATIENCE)


@contextmanager
def signed_in(browser: Browser, shown: Demonstration, name: str, **how: Any) -> Iterator[Seen]:
    """By Airflow's own form, as anybody does."""
    password = json.loads(shown.api.passwords.read_text())[name]
    with a_page(browser, **how) as seen:
        seen.page.set_default_timeout(PATIENCE)
        seen.opens(f"{shown.address}/auth/login/")
        seen.page.fill("input[name=username]", name)
        seen.page.fill("input[name=password]", password)
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_url(lambda address: "login" not in address, wait_until="commit")
        yield seen


def in_the_frame(page: Page) -> FrameLocator:
    """Our page within Airflow's."""
    return page.frame_locator("iframe")


def test_a_steward_finds_the_night_in_airflow_and_opens_what_failed(browser: Browser, shown: Demonstration) -> None:
    with signed_in(browser, shown, "steward") as seen:
        seen.opens(f"{shown.address}/plugin/gp-collect-night")
        ours = in_the_frame(seen.page)
        expect(ours.get_by_role("heading", level=1)).to_have_text("The night")
        expect(ours.locator(".lede")).to_contain_text("13 of 13")
        expect(ours.locator("table.heat tbody tr")).to_have_count(13)
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
        seen.page.get_by_text("Browse", exact=True).first.click()
        for name in NAMED.values():
            expect(seen.page.get_by_role("menuitem", name=name)).to_be_visible()
        assert seen.asked_elsewhere(shown.address) == []


def test_a_responder_sees_the_same_night(browser: Browser, shown: Demonstration) -> None:
    with signed_in(browser, shown, "responder") as seen:
        assert seen.opens(f"{shown.address}{PREFIX}/night") == 200
        seen.page.get_by_text(re.compile("failed first, and something came of it since")).click()
        expect(seen.page.get_by_role("row", name=re.compile(f"^{FAILED} pull"))).to_be_visible()
        seen.page.get_by_role("link", name=FAILED, exact=True).first.click()
        expect(seen.page.get_by_role("heading", level=1)).to_have_text(f"Practice {FAILED}")


def test_a_stranger_and_whoever_is_not_signed_in_see_nothing(browser: Browser, shown: Demonstration) -> None:
    with a_page(browser) as nobody, signed_in(browser, shown, "stranger") as stranger:
        for path in (*NAMED, f"practice/{FAILED}", "static/pages.css"):
            assert nobody.opens(f"{shown.address}{PREFIX}/{path}") == 401, path
            assert stranger.opens(f"{shown.address}{PREFIX}/{path}") == 403, path
            assert FAILED not in stranger.page.content()
        stranger.opens(f"{shown.address}{PREFIX}/night")
        expect(stranger.page.locator("main")).to_contain_text("Your role in Airflow does not include this page")


@pytest.fixture
def held(shown: Demonstration, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A parcel that waits for a steward. `make up` leaves some in the demonstration that GP_SHOWN names."""
    if shown.is_ours:
        return dict(request.getfixturevalue("third_night").for_a_steward)
    return next(each for each in shown.ledger() if each["state"] == "held")


def test_a_steward_approves_a_held_parcel_and_sees_it_load(
    browser: Browser, shown: Demonstration, held: dict[str, Any], tmp_path: Path
) -> None:
    """On the third night, under a policy that lets not one row in ten thousand break a rule."""
    code, sequence = held["practice_code"], held["sequence"]
    where = f"{code}, parcel {sequence}"
    recorded = (shown.served if shown.is_ours else tmp_path) / "steward.zip"
    with signed_in(browser, shown, "steward", record_har_path=recorded) as seen:
        seen.opens(f"{shown.address}{PREFIX}/decisions")
        answer = seen.page.get_by_role("link", name=f"Answer: {where}")
        expect(answer).to_be_visible()
        assert seen.faults() == []
        seen.pictured("decisions-in-airflow")
        answer.click()
        seen.page.locator("#element_reason").fill(REASON)  # Airflow 3.3.2's own form has no label for it
        seen.pictured("answering-in-airflow")
        seen.page.get_by_role("button", name="Load it").click()
        became(shown, held["parcel_id"], "loaded")
        seen.opens(f"{shown.address}{PREFIX}/practice/{code}")
        line = seen.page.get_by_role("row", name=re.compile(rf"^{sequence} delta loaded"))
        expect(line).to_contain_text("Decided by steward")
        seen.opens(f"{shown.address}{PREFIX}/decisions")
        expect(seen.page.get_by_role("row", name=re.compile(REASON))).to_contain_text(where)


def became(shown: Demonstration, parcel_id: str, state: str) -> None:
    wait_for(f"a parcel to be {state}", lambda: shown.state_of(parcel_id) == state, seconds=400, alive=shown.ended)
