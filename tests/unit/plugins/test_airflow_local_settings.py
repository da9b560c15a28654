"""What a worker imports before it forks: what it was told, and nothing unless it was told."""

import os
import subprocess
import sys
from pathlib import Path

PLUGINS = Path(__file__).parents[3] / "plugins"
ASKED = "import airflow_local_settings, sys; print([name for name in sys.argv[1:] if name in sys.modules])"


def imported(named: str) -> str:
    environment = os.environ | {"GP_WORKER_IMPORTS": named, "PYTHONPATH": str(PLUGINS)}
    command = [sys.executable, "-c", ASKED, "colorsys", "sndhdr"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_what_is_named_is_imported_and_nothing_else() -> None:
    assert imported("") == "[]"
    assert imported("colorsys") == "['colorsys']"
