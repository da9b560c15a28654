"""A real Airflow asks the data steward about held parcels, and does what the steward says."""

import http.client
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crossing.policy import policy_folder
from demo.airflow_api import AirflowAPI, wait_for
from demo.nights import prepare_zones
from demo.stack import Stack, begin, start_airflow

pytestmark = [pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.airflow, pytest.mark.timeout(1200)]

PRACTICES = ("Y99001", "Y99002", "Y99003")
QUIET_SECONDS = 5  # Airflow 3.3.2 loses an answer given within a second of the question


@dataclass(frozen=True, slots=True)
class Steward:
    """Signed in as a user of that role, who may answer questions and look, but changes no DAG."""

    stack: Stack
    name: str = "steward"

    def questions(self) -> list[dict[str, Any]]:
        answer = self.ask("GET", "/api/v2/dags/~/dagRuns/~/hitlDetails?response_received=false")
        return list(answer["hitl_details"])

    def answers(self, question: dict[str, Any], choice: str, reason: str) -> None:
        ti = question["task_instance"]
        path = f"/api/v2/dags/{ti['dag_id']}/dagRuns/{ti['dag_run_id']}/taskInstances/{ti['task_id']}/{ti['map_index']}"
        body = {"chosen_options": [choice], "params_input": {"reason": reason}}
        self.ask("PATCH", f"{path}/hitlDetails", body)

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        password = json.loads(self.stack.places.passwords.read_text())[self.name]
        signed_in = self._request("POST", "/auth/token", {"username": self.name, "password": password}, {})
        return self._request(method, path, body, {"Authorization": f"Bearer {signed_in['access_token']}"})

    def _request(self, method: str, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.stack.places.port, timeout=20)) as connection:
            connection.request(method, path, json.dumps(body), headers | {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = json.loads(response.read())
        assert response.status < 300, content
        return dict(content)


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """Airflow with three practices, and a policy that lets not one row in a thousand break a rule unless two people agree."""
    # Not pytest's own folder: it closes that to all other users, and PostgreSQL may have to run as one.
    folder = Path(tempfile.mkdtemp(prefix="gp-collect-steward-"))
    policy = folder / "policy"
    shutil.copytree(policy_folder(), policy)
    collection = policy / "collections" / "gpdpr.toml"
    strict = collection.read_text().replace("largest_quarantined_share = 0.05", "largest_quarantined_share = 0.00001")
    collection.write_text(strict)
    decisions = policy / "decisions.toml"
    one = "[held_by.largest_quarantined_share]\npeople = 1"
    assert one in decisions.read_text()
    decisions.write_text(decisions.read_text().replace(one, one.replace("= 1", "= 2")))
    rows = [line for line in (policy / "practices.csv").read_text().splitlines() if not line.startswith("Y99")]
    wanted = [line for line in (policy / "practices.csv").read_text().splitlines() if line.startswith(PRACTICES)]
    (policy / "practices.csv").write_text("\n".join([*rows, *wanted]) + "\n")
    monkeypatch.setenv("GP_POLICY_DIR", str(policy))
    running = begin(folder / "demo")
    try:
        prepare_zones(running, lambda _: None)
        start_airflow(running, lambda _: None)
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


def ledger(stack: Stack) -> dict[str, dict[str, Any]]:
    return {entry["practice_code"]: entry for entry in json.loads(stack.run("gp-central", "ledger", "--json"))}


def ended_runs(api: AirflowAPI, dag: str, count: int) -> Any:
    runs = [run for run in api.runs(dag) if run["run_type"] != "scheduled"]
    return len(runs) >= count and all(run["state"] in ("success", "failed") for run in runs) and runs


def test_held_parcels_wait_for_the_steward_and_then_go_the_way_the_steward_chose(stack: Stack) -> None:
    api, steward, alive = stack.api(), Steward(stack), stack.processes.ended
    api.trigger("collect__gpdpr", "night-1")
    first = wait_for("the first load", lambda: ended_runs(api, "load__gpdpr", 1), seconds=400, alive=alive)
    assert [run["state"] for run in first] == ["failed"]
    assert {code: entry["state"] for code, entry in ledger(stack).items()} == dict.fromkeys(PRACTICES, "held")

    asked = wait_for(
        "the questions", lambda: len(steward.questions()) == 3 and steward.questions(), seconds=300, alive=alive
    )
    by_subject = {question["subject"]: question for question in asked}
    assert set(by_subject) == {f"Load {code}, parcel 1?" for code in PRACTICES}
    wait_quietly(QUIET_SECONDS, alive)
    steward.answers(by_subject["Load Y99001, parcel 1?"], "Load it", "Dates in the future are known at this practice.")
    steward.answers(by_subject["Load Y99002, parcel 1?"], "Refuse it", "Sent by mistake; a new one is coming.")
    steward.answers(by_subject["Load Y99003, parcel 1?"], "Load it", " ")

    (second,) = wait_for(
        "the second question", lambda: [each for each in steward.questions() if "**steward** approved" in each["body"]],
        seconds=300, alive=alive,
    )  # fmt: skip
    assert second["subject"] == "Load Y99001, parcel 1?"
    assert ledger(stack)["Y99001"]["state"] == "held"
    wait_quietly(QUIET_SECONDS, alive)
    Steward(stack, "second_steward").answers(second, "Load it", "I asked the practice, too.")

    wait_for(
        "the load of what two agreed on", lambda: ledger(stack)["Y99001"]["state"] == "loaded", seconds=400, alive=alive
    )
    wait_for("the decisions", lambda: ended_runs(api, "decide__gpdpr", 2), seconds=300, alive=alive)
    entries = ledger(stack)
    assert {code: entry["state"] for code, entry in entries.items()} == {
        "Y99001": "loaded",
        "Y99002": "refused",
        "Y99003": "held",  # an answer without a reason decides nothing
    }
    assert entries["Y99001"]["decided_by"] == "steward and second_steward"
    assert entries["Y99002"]["state_reason"] == "Sent by mistake; a new one is coming."
    stack.run("gp-central", "audit", "verify")
    for zone in ("source", "central"):
        api.trigger(f"watch_{zone}", "by-hand")
        wait_for(zone, lambda zone=zone: ended_runs(api, f"watch_{zone}", 1), seconds=300, alive=alive)
        assert [run["state"] for run in api.runs(f"watch_{zone}") if run["run_type"] != "scheduled"] == ["success"]


def wait_quietly(seconds: float, alive: Any) -> None:
    until = time.monotonic() + seconds
    wait_for("quiet", lambda: time.monotonic() > until, seconds=seconds * 2, alive=alive)
