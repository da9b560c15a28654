"""Airflow's local settings for a test: while `armed` lies beside, a load stops in the middle, as one whose machine hangs.

Copied as airflow_local_settings.py into a folder that comes first on the path. `hangs` says which process it is.
"""

import os
import runpy
from pathlib import Path
from typing import Any

from crossing.faultpoint import HANG, Fault, arm

_HERE = Path(__file__).parent
_OURS = _HERE / "of_the_product.py"

if _OURS.exists():
    runpy.run_path(str(_OURS))


def task_policy(task: Any) -> None:
    """What Airflow calls for each task of each DAG that it reads."""
    if task.task_id == "each_shard.load":
        task._pre_execute_hook = before  # what the argument `pre_execute` of an operator sets


def before(context: Any) -> None:
    if (_HERE / "armed").exists():
        arm(Fault("load.before_commit", 1, HANG))
        (_HERE / "hangs").write_text(str(os.getpid()))
