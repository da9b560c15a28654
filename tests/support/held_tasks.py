"""Airflow's local settings for a test: every task has a pool of its own, and stops or fails where a file of its name says so.

Copied as airflow_local_settings.py into a folder that comes first on the path. Beside it lie `gates/`, a file for each task that
holds `<before|after> <hold|retry|fail>` or `at <name of a fault point>`, and `reached/`, a file for each try that came so far. At
a fault point the process stops as one whose machine hangs: it hears of nothing any more.
"""

import os
import runpy
import time
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from crossing.faultpoint import HANG, Fault, arm

_HERE = Path(__file__).parent
_OURS = _HERE / "of_the_product.py"

if _OURS.exists():
    runpy.run_path(str(_OURS))


def task_policy(task: Any) -> None:
    """What Airflow calls for each task of each DAG that it reads."""
    task.pool = f"{task.dag_id} {task.task_id}"
    task._pre_execute_hook = before  # what the argument `pre_execute` of an operator sets
    task._post_execute_hook = after  # the same


def before(context: Any) -> None:
    _stop("before", context)


def after(context: Any, result: Any = None) -> None:
    """Its work is done, and nobody knows of it yet."""
    _stop("after", context)


def _stop(moment: str, context: Any) -> None:
    task_instance = context["ti"]
    gate = _HERE / "gates" / f"{task_instance.dag_id} {task_instance.task_id}"
    when, _, what = _said(gate).partition(" ")
    if when == "at" and moment == "before":
        (_HERE / "reached" / str(task_instance.id)).write_text(str(os.getpid()))
        arm(Fault(what, 1, HANG))
    if when != moment:
        return
    (_HERE / "reached" / str(task_instance.id)).write_text(str(os.getpid()))
    if what == "retry":
        raise AirflowException("A test asked this task to fail.")
    if what == "fail":
        raise AirflowFailException("A test asked this task to fail for good.")
    while _said(gate) != "go":
        time.sleep(0.05)


def _said(gate: Path) -> str:
    try:
        return gate.read_text() or "go"
    except OSError:
        return "go"
