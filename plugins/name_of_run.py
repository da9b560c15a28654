"""By what name the zones know a run. A backfill's is the moment it stands for, whatever name Airflow gave it."""

from typing import Any


def name_of(dag_run: Any) -> str:
    """Airflow's own id, but for a backfill's.

    A night that had run before and is taken again by a backfill keeps its old id there (3.3.2: only its type is
    changed), and the zone would take it for a night's run: everything up to now.
    """
    if dag_run.run_type == "backfill":
        return f"backfill__{dag_run.logical_date.isoformat()}"
    return str(dag_run.run_id)
