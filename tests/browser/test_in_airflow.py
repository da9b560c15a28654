"""In the real Airflow of the demonstration: what a steward, a responder and a stranger see and do, in a real browser."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from demo.airflow_api import wait_for
from demo.nights import deliver
from demo.places import Places
from demo.processes import Processes
from demo.stack import Stack
from gp_collect_plugin import NAMED, PREFIX
from support.browsing import Seen, a_page
from support.shown_demonstration import Demonstration

pytestmark = [pytest.mark.slow, pytest.mark.airflow, pytest.mark.needs_debian, pytest.mark.timeout(600)]

FAILED = "Y99008"  # on the first night
PATIENCE = 60_000  # milliseconds: Airflow's own pages take their time on a busy machine
expect.set_options(timeout=PATIENCE)
REASON = "Dates in the future are known at this practice."


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


@pytest.mark.rehearsal
def test_a_steward_approves_a_held_parcel_and_sees_it_load(
    browser: Browser, shown: Demonstration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A third night, under a policy that lets not one row in ten thousand break a rule."""
    monkeypatch.setenv("GP_POLICY_DIR", str(shown.policy))
    parcel = a_parcel_held(shown)
    code, sequence = parcel["practice_code"], parcel["sequence"]
    where = f"{code}, parcel {sequence}"
    with signed_in(browser, shown, "steward") as seen:
        answer = seen.page.get_by_role("link", name=f"Answer: {where}")
        waited(
            lambda: seen.opens(f"{shown.address}{PREFIX}/decisions") and answer.count()
        )  # it is asked after the load
        assert seen.faults() == []
        seen.pictured("decisions-in-airflow")
        answer.click()
        seen.page.locator("#element_reason").fill(REASON)  # Airflow 3.3.2's own form has no label for it
        seen.pictured("answering-in-airflow")
        seen.page.get_by_role("button", name="Load it").click()
        became(shown, parcel["parcel_id"], "loaded")
        seen.opens(f"{shown.address}{PREFIX}/practice/{code}")
        line = seen.page.get_by_role("row", name=re.compile(rf"^{sequence} delta loaded"))
        expect(line).to_contain_text("Decided by steward")
        seen.opens(f"{shown.address}{PREFIX}/decisions")
        expect(seen.page.get_by_role("row", name=re.compile(REASON))).to_contain_text(where)


def a_parcel_held(shown: Demonstration) -> dict[str, Any]:
    """The first that the third night holds."""
    stack = stack_of(shown)
    collection = shown.policy / "collections" / "gpdpr.toml"
    lenient = collection.read_text()
    collection.write_text(lenient.replace("largest_quarantined_share = 0.05", "largest_quarantined_share = 0.0001"))
    if not held(stack):  # a demonstration that runs already may have had its third night
        deliver(stack, 3)
        shown.api.trigger("collect__gpdpr", "night-3")
    return dict(waited(lambda: held(stack))[0])


def held(stack: Stack) -> list[dict[str, Any]]:
    return [each for each in ledger(stack) if each["state"] == "held"]


def became(shown: Demonstration, parcel_id: str, state: str) -> None:
    stack = stack_of(shown)
    waited(lambda: any(each["parcel_id"] == parcel_id and each["state"] == state for each in ledger(stack)))


def waited(condition: Callable[[], Any]) -> Any:
    return wait_for("the browser's night", condition, seconds=400, alive=list)


def ledger(stack: Stack) -> list[dict[str, Any]]:
    time.sleep(2)  # each look is a command, and the night needs the processor
    return list(json.loads(stack.run("gp-central", "ledger", "--json")))


def stack_of(shown: Demonstration) -> Stack:
    """To give commands to the zones of the demonstration; its processes are somebody else's."""
    places = Places(root=shown.folder, port=shown.api.port)
    return Stack(places, Processes(shown.folder / "none.json", places.logs), shown.folder / "postgres")
