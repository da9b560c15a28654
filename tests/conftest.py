"""For every test: Airflow has a home of its own, telemetry is off, and in CI nothing is skipped in silence."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler.loadscope import LoadScopeScheduling

from runbook_pages.rehearsed import rehearsals
from support.shown_demonstration import Demonstration, a_demonstration
from support.third_night import ThirdNight, a_third_night

# How long one example takes says how busy the machine is. What may take long has a timeout of its own.
settings.register_profile("without deadlines", deadline=None)
settings.load_profile("without deadlines")

# Airflow and Great Expectations read these when they are imported, which may be before any fixture runs.
os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="gp-collect-airflow-"))
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The independent test data beside the checkout. Where it is absent the test says so and is skipped."""
    if not SHARED.is_dir():
        pytest.skip("the independent test data (../shared/data) is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def shown() -> Iterator[Demonstration]:
    """`make demo`, kept running until the last that looks at it has looked."""
    with a_demonstration() as demonstration:
        yield demonstration


@pytest.fixture(scope="session")
def third_night(shown: Demonstration) -> Iterator[ThirdNight]:
    """A night more of the same demonstration, with canaries and with parcels that are held."""
    if not shown.is_ours:
        pytest.skip("Nothing is planted in the demonstration that GP_SHOWN names: it is somebody's.")
    with a_third_night(shown) as lived:
        yield lived


# Which files are one piece of work for one worker; any other file is a piece of its own. Two Airflows at once would starve
# each other, and one that begins last is waited for by everybody; what many tests look at is lived once.
AIRFLOW, HISTORIES, JOURNEY, STORE_SERVER = "airflow", "histories", "journey", "store server"
_GROUPS = {
    "test_demo.py": AIRFLOW,
    "test_in_airflow.py": AIRFLOW,
    "test_canaries.py": AIRFLOW,
    "test_cleared_in_airflow.py": AIRFLOW,
    "test_three_gates.py": HISTORIES,
    "test_no_trace.py": HISTORIES,
    "test_two_nights.py": JOURNEY,
    "test_practices_own_account.py": JOURNEY,
    "test_no_identifier_leaves.py": JOURNEY,
}

# The demonstration stays up for these, and nobody else's Airflow runs beside it meanwhile.
_WHEN_OF_DEMO = {"test_demo.py": 1, "test_in_airflow.py": 2, "test_canaries.py": 3}
ENDS_THE_DEMO = "test_demo.py::test_stopping_ends_every_process"


def _when_of_demo(item: pytest.Item) -> int:
    name = item.nodeid.partition("::")[0].rpartition("/")[2]
    return 4 if item.nodeid.endswith(ENDS_THE_DEMO) else _WHEN_OF_DEMO.get(name, 0)


def group_of(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    name = path.rpartition("/")[2]
    if "/store_server/" in path:  # one server, one store
        return STORE_SERVER
    return AIRFLOW if name.startswith("test_airflow_") else _GROUPS.get(name, path)


class ByFile(LoadScopeScheduling):
    """Files stay whole. (The marker `xdist_group` does nothing under this pytest: xdist cannot rename its tests any more.)"""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`-k StoreDown` chooses what rehearses the runbook's page of that name.

    What takes longest begins first. What looks at the demonstration does so one after another, and whoever ends it is last."""
    if config.option.keyword:  # reading all tests takes seconds
        _name_after_pages(items)
    items.sort(
        key=lambda item: (
            group_of(item.nodeid) != AIRFLOW,
            group_of(item.nodeid) != HISTORIES,
            _when_of_demo(item),
        )
    )


def _name_after_pages(items: list[pytest.Item]) -> None:
    pages: dict[str, list[str]] = {}
    for name, tests in rehearsals().items():
        for test in tests:
            pages.setdefault(test, []).append(name)
    for item in items:
        item.extra_keyword_matches.update(pages.get(item.nodeid.partition("[")[0], ()))


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield
    skipped = terminalreporter.stats.get("skipped", [])
    if os.environ.get("GP_NO_SKIPS") and skipped:
        terminalreporter.section("GP_NO_SKIPS: these should have run here", red=True)
        for report in skipped:
            terminalreporter.line(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("GP_NO_SKIPS") and reporter and reporter.stats.get("skipped") and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
