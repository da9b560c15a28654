"""A person of the demonstration, signed in to Airflow's own REST interface, who may do what their role may."""

import http.client
import json
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from demo.stack import Stack


@dataclass(slots=True)
class Person:
    """Raises AssertionError with what Airflow said where it refuses."""

    stack: Stack
    name: str
    _token: str | None = field(default=None, repr=False)

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        return dict(json.loads(self._signed_in(method, path, body) or b"{}"))

    def opens(self, path: str) -> str:
        """A page, as it is served."""
        return self._signed_in("GET", path).decode()

    def clear(self, dag: str, run: str, *tasks: str | tuple[str, int], **more: bool) -> list[dict[str, Any]]:
        """Whatever state they are in; all tasks of the run where none is named."""
        body: dict[str, Any] = {"dry_run": False, "only_failed": False, "dag_run_id": run, **more}
        if tasks:
            body["task_ids"] = list(tasks)
        return list(self.ask("POST", f"/api/v2/dags/{dag}/clearTaskInstances", body)["task_instances"])

    def mark(self, dag: str, run: str, task: str, state: str) -> None:
        self.ask("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run}/taskInstances/{task}", {"new_state": state})

    def start(self, dag: str, run: str, conf: dict[str, str]) -> None:
        self.ask("POST", f"/api/v2/dags/{dag}/dagRuns", {"dag_run_id": run, "logical_date": None, "conf": conf})

    def end(self, dag: str, run: str) -> None:
        """As somebody does who wants a run that only waits out of the way of another."""
        self.ask("PATCH", f"/api/v2/dags/{dag}/dagRuns/{run}", {"state": "success"})

    def tasks_of(self, dag: str) -> list[dict[str, Any]]:
        return list(self.ask("GET", f"/api/v2/dags/{dag}/tasks")["tasks"])

    def questions(self) -> list[dict[str, Any]]:
        answer = self.ask("GET", "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false")
        return list(answer["hitl_details"])

    def answer(self, question: dict[str, Any], choice: str, reason: str) -> None:
        ti = question["task_instance"]
        path = f"/api/v2/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/{ti['map_index']}"
        body = {"chosen_options": [choice], "params_input": {"reason": reason}}
        self.ask("PATCH", f"{path}/hitlDetails", body)

    def _signed_in(self, method: str, path: str, body: Any = None) -> bytes:
        if self._token is None:
            password = json.loads(self.stack.places.passwords.read_text())[self.name]
            answer = self._request("POST", "/auth/token", {"username": self.name, "password": password}, {})
            self._token = json.loads(answer)["access_token"]
        return self._request(method, path, body, {"Authorization": f"Bearer {self._token}"})

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> bytes:
        with closing(http.client.HTTPConnection("127.0.0.1", self.stack.places.port, timeout=60)) as connection:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, headers | {"Content-Type": "application/json"})
            response = connection.getresponse()
            said = response.read()
        assert response.status < 300, (self.name, method, path, body, said)
        return said
