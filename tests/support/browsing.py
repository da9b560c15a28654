"""A real Chromium, without a window: opens pages, holds them to axe-core's rules, and takes pictures when asked to."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = "/usr/bin/chromium"  # Debian's
GRAVE = ("serious", "critical")
# Only `make screenshots` asks for pictures; they are documentation, and a test run changes none.
PICTURES = os.environ.get("GP_SCREENSHOTS")
_SHOWN_IN = Path(__file__).parents[2] / "docs" / "pages.md"
VIEW = {"width": 1280, "height": 800}


@contextmanager
def a_browser() -> Iterator[Browser]:
    """Root may start Chromium only without its sandbox; anybody else has it with."""
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*options, "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def a_page(browser: Browser, **how: Any) -> Iterator["Seen"]:
    """A fresh profile: nobody is signed in. Whatever the page asks of another address than ours is noted."""
    context = browser.new_context(viewport=VIEW, **how)
    page = context.new_page()
    seen = Seen(page, [], [])
    page.on("request", lambda request: seen.asked.append(request.url))
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    yield seen
    context.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """A page in a browser, with every address it asked and what the browser complained of."""

    page: Page
    asked: list[str]
    complaints: list[str]

    def opens(self, address: str) -> int:
        """The status of the answer."""
        answer = self.page.goto(address)
        return answer.status if answer else 0

    def asked_elsewhere(self, home: str) -> list[str]:
        return [url for url in self.asked if not url.startswith((home, "data:", "about:", "blob:"))]

    def faults(self, rules: list[str] | None = None) -> list[str]:
        """What axe-core calls serious or critical, by all of its rules or by these: the rule, and where it is broken."""
        options = {"resultTypes": ["violations"], **({"runOnly": rules} if rules else {})}
        found = Axe().run(self.page, options=options).response["violations"]
        return [
            f"{each['id']} ({each['impact']}): {[node['target'] for node in each['nodes'][:3]]}"
            for each in found
            if each["impact"] in GRAVE
        ]

    def pictured(self, name: str) -> None:
        """If docs/pages.md shows it."""
        if PICTURES and f"screenshots/{name}.png" in _SHOWN_IN.read_text():
            path = Path(PICTURES) / f"{name}.png"
            self.page.screenshot(path=path)
            sys.stdout.write(f"{path}: {path.stat().st_size:,} bytes\n")
