"""Somebody's own requests to Airflow without a browser, and a steward's answer to a question."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from ask_the_steward import APPROVE
from support.shown_demonstration import Demonstration


@contextmanager
def signed_in(shown: Demonstration, name: str) -> Iterator[httpx.Client]:
    """With Airflow's own token."""
    who = {"username": name, "password": json.loads(shown.api.passwords.read_text())[name]}
    with httpx.Client(base_url=shown.address, timeout=60, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {client.post('/auth/token', json=who).json()['access_token']}"
        yield client


def questions(client: httpx.Client) -> list[dict[str, Any]]:
    """All that Airflow keeps of what stewards were asked and answered."""
    return list(client.get("/api/v2/dags/~/dagRuns/~/hitlDetails?limit=100").raise_for_status().json()["hitl_details"])


def approve(client: httpx.Client, parcel_id: str, reason: str) -> None:
    (asked,) = [each for each in questions(client) if parcel_id in each["body"] and not each["response_received"]]
    task = asked["task_instance"]
    path = f"/api/v2/dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}/{task['map_index']}"
    answer = {"chosen_options": [APPROVE], "params_input": {"reason": reason}}
    client.patch(f"{path}/hitlDetails", json=answer).raise_for_status()
