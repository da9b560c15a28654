"""What Airflow calls a backfill is one to the zones, also where the run had another name first."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from name_of_run import name_of

MOMENT = datetime(2026, 9, 4, tzinfo=UTC)


def a_run(run_type, run_id):
    return SimpleNamespace(run_type=run_type, run_id=run_id, logical_date=MOMENT)


@pytest.mark.parametrize(
    "run_id", ["backfill__2026-09-04T00:00:00+00:00", "scheduled__2026-09-04T00:00:00+00:00", "night-4"]
)
def test_a_backfill_is_named_by_the_moment_it_stands_for(run_id):
    assert name_of(a_run("backfill", run_id)) == "backfill__2026-09-04T00:00:00+00:00"


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "asset_triggered"])
def test_any_other_run_keeps_airflows_name(run_type):
    assert name_of(a_run(run_type, "as-airflow-says")) == "as-airflow-says"


@pytest.mark.airflow
def test_airflow_still_calls_the_type_so():
    from airflow.utils.types import DagRunType

    assert DagRunType("backfill") == "backfill"
