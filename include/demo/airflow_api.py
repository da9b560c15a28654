"""The few requests to Airflow's REST interface that a night needs. Loopback only."""

import http.client
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crossing.errors import PersonMustAct

FINISHED = ("success", "failed")
_POLL_SECONDS = 0.5


class DemoStuck(PersonMustAct):
    """Something did not happen in time; the message says what, and where to look."""


@dataclass(slots=True)
class AirflowAPI:
    """Talks to 127.0.0.1:port as the user `engineer`, whose password demo.people made up and wrote down."""

    port: int
    passwords: Path
    _token: str | None = field(default=None, repr=False)

    def version(self) -> dict[str, Any] | None:
        return self._ask("GET", "/api/v2/version", token=None)

    def unhealthy(self) -> list[str]:
        """The parts of Airflow that have not reported themselves healthy."""
        health = self._ask("GET", "/api/v2/monitor/health", token=None) or {}
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return [part for part in parts if (health.get(part) or {}).get("status") != "healthy"]

    def knows_dag(self, dag: str) -> bool:
        return self._ask("GET", f"/api/v2/dags/{dag}", token=self._signed_in()) is not None

    def trigger(self, dag: str, run: str) -> None:
        body = {"dag_run_id": run, "logical_date": None}
        if self._ask("POST", f"/api/v2/dags/{dag}/dagRuns", body, token=self._signed_in()) is None:
            raise DemoStuck(f"Airflow would not start {dag}. See logs/api-server.log.")

    def runs(self, dag: str) -> list[dict[str, Any]]:
        """All runs of a DAG, oldest first."""
        answer = self._ask("GET", f"/api/v2/dags/{dag}/dagRuns?order_by=run_after&limit=100", token=self._signed_in())
        return list((answer or {}).get("dag_runs", []))

    def tasks(self, dag: str, run: str) -> list[dict[str, Any]]:
        path = f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances?limit=1000"
        return list((self._ask("GET", path, token=self._signed_in()) or {}).get("task_instances", []))

    def _signed_in(self) -> str:
        if self._token is None:
            password = json.loads(self.passwords.read_text())["engineer"]
            answer = self._ask("POST", "/auth/token", {"username": "engineer", "password": password}, token=None)
            if answer is None:
                raise DemoStuck("Airflow refused its own password. See logs/api-server.log.")
            self._token = str(answer["access_token"])
        return self._token

    def _ask(self, method: str, path: str, body: Any = None, *, token: str | None) -> dict[str, Any] | None:
        """The answer, or None where nobody listens yet or the answer is not a success."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
            return dict(json.loads(content)) if response.status < 300 else None
        except OSError:
            return None
        finally:
            connection.close()


def wait_for(what: str, condition: Callable[[], Any], *, seconds: float, alive: Callable[[], list[str]]) -> Any:
    """Polls until the condition holds, and returns what it returned. Raises DemoStuck when time is up or a process died."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        if ended := alive():
            raise DemoStuck(f"{' and '.join(ended)} ended while waiting for {what}. See logs/{ended[0]}.log.")
        if time.monotonic() > deadline:
            raise DemoStuck(f"Waited {seconds:.0f} seconds for {what}, in vain. See logs/.")
        time.sleep(_POLL_SECONDS)
    return result
