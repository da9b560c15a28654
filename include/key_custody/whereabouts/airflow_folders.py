"""Where Airflow writes files, as its own settings say. Read from the environment: no zone imports Airflow."""

from collections.abc import Mapping
from pathlib import Path

LOGS = "logs"


def airflow_home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("AIRFLOW_HOME") or Path.home() / "airflow")


def airflow_folders(environment: Mapping[str, str]) -> dict[str, Path]:
    home = airflow_home(environment)
    logs = environment.get("AIRFLOW__LOGGING__BASE_LOG_FOLDER")
    return {
        "Airflow's home": home,
        LOGS: Path(logs) if logs else home / "logs",
        "temporary files": Path(environment.get("TMPDIR") or "/tmp"),  # noqa: S108  (to be looked at, not written to)
    }
