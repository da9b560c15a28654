"""For every test: Airflow has a home of its own, telemetry is off, and in CI nothing is skipped in silence."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs every Airflow, one after another and from the start; the other has the files of quick tests.

    Two Airflows at once would starve each other, and one that begins last is waited for by everybody.
    """
    for item in items:
        runs_airflow = item.get_closest_marker("airflow") and item.get_closest_marker("slow")
        lives_histories = "releases" in getattr(item, "fixturenames", ())  # once, for two files
        group = "airflow" if runs_airflow else "histories" if lives_histories else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: item.get_closest_marker("xdist_group").args[0] != "airflow")


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
