"""Where everything of the demonstration lies, and the environment each process gets."""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

COLLECTION = "gpdpr"
CHECKOUT = Path(__file__).resolve().parents[2]
DAGS = CHECKOUT / "dags"
_PYTHONPATH = f"{CHECKOUT / 'include'}{os.pathsep}{CHECKOUT / 'plugins'}"
# A task's log lies under the name of its queue, so that in life each zone keeps its own.
_LOG_NAME = (
    "{{ ti.queue }}/dag_id={{ ti.dag_id }}/run_id={{ ti.run_id }}/task_id={{ ti.task_id }}/"
    "map_index={{ ti.map_index }}/attempt={{ try_number or ti.try_number }}.log"
)
_NOT_HANDED_ON = ("AIRFLOW", "GP_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PGHOST", "PGUSER", "PGDATABASE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The folders of the demonstration, and the port on 127.0.0.1 that Airflow listens on."""

    root: Path
    port: int
    dags: Path = DAGS
    log_level: str = "WARNING"
    jwt_secret: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def incoming(self) -> Path:
        return self.root / "source" / "incoming"

    @property
    def register(self) -> Path:
        return self.root / "central" / "register"

    @property
    def journal(self) -> Path:
        """Of erasures: beside the store, so that a store restored from backup is noticed."""
        return self.root / "central" / "erasures"

    @property
    def passwords(self) -> Path:
        return self.root / "airflow" / "passwords.json"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def inherited(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The caller's environment without anybody else's Airflow, and with loopback kept away from any proxy.

    GP_POLICY_DIR is handed on: a reviewer may watch two nights under a changed policy before agreeing to it.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name == "GP_POLICY_DIR" or not name.startswith(_NOT_HANDED_ON)
    }
    loopback = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    return kept | loopback | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"}


def zones_environment(places: Places, socket: Path) -> dict[str, str]:
    """Both zones' settings, as the commands gp-source and gp-central and the tasks read them."""
    source, central = places.root / "source", places.root / "central"
    return inherited() | {
        "PYTHONPATH": _PYTHONPATH,
        "GP_SOURCE_KEYS_DIR": str(places.root / "keys" / "source"),
        "GP_SOURCE_WORK_DIR": str(source / "spool"),
        "GP_SOURCE_STATE_DIR": str(source / "memory"),
        "GP_INCOMING_DIR": str(places.incoming),
        "GP_OUTBOX_DIR": str(places.root / "crossing"),
        "GP_CENTRAL_RECEIPTS_DIR": str(central / "receipts"),
        "GP_INBOX_DIR": str(places.root / "crossing"),
        "GP_STORE_IS_DEMONSTRATION": "yes",
        "GP_STORE_URL": f"postgresql+psycopg://postgres:@/store?host={socket}",
        "GP_CENTRAL_KEYS_DIR": str(places.root / "keys" / "central"),
        "GP_CENTRAL_WORK_DIR": str(central / "work"),
        "GP_RECEIPTS_DIR": str(central / "receipts"),
        "GP_ERASURE_JOURNAL_DIR": str(places.journal),
        "GP_LINEAGE_DIR": str(places.root / "lineage"),
        "GP_REGISTER_DIR": str(places.register),
        "GX_ANALYTICS_ENABLED": "false",
    }


def pages_environment(places: Places, socket: Path) -> dict[str, str]:
    """What our pages in the Airflow UI are told of the central zone: the ledger, and the register as it was published."""
    of_zones = zones_environment(places, socket)
    return {name: of_zones[name] for name in ("GP_STORE_URL", "GP_STORE_IS_DEMONSTRATION", "GP_REGISTER_DIR")}


def airflow_environment(places: Places, socket: Path) -> dict[str, str]:
    """A whole Airflow on one machine: loopback only, nothing phoned home, as little polling as two cores can bear."""
    database = f"://postgres:@/airflow?host={socket}"
    sections = {
        "CORE__DAGS_FOLDER": places.dags,
        "CORE__PLUGINS_FOLDER": CHECKOUT / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,
        "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "CORE__EXECUTION_API_SERVER_URL": f"{places.address}/execution/",
        "DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg2{database}",
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg{database}",
        "API__HOST": "127.0.0.1",
        "API__PORT": places.port,
        "API__BASE_URL": places.address,
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": places.jwt_secret,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.5,
        "DAG_PROCESSOR__PARSING_PROCESSES": 1,
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 600,
        "LOGGING__BASE_LOG_FOLDER": places.logs / "tasks",
        "LOGGING__LOG_FILENAME_TEMPLATE": _LOG_NAME,
        "LOGGING__LOGGING_LEVEL": places.log_level,
    }
    ours = {f"AIRFLOW__{name}": str(value) for name, value in sections.items()}
    return inherited() | ours | {"AIRFLOW_HOME": str(places.root / "airflow"), "PYTHONPATH": _PYTHONPATH}
