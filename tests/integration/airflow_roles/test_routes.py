"""What each role is answered and refused, on every route of a real Airflow with our roles, and on every page of ours.

routes.csv is reviewed by eye: who may, of which DAGs. A new route of Airflow, or of ours, fails until somebody has decided
about it. To write what is found: python tests/integration/airflow_roles/test_routes.py, then read the difference.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[3]
REVIEWED = Path(__file__).with_name("routes.csv")
LEGEND = """\
# Who is answered, route by route. `yes`: answered. Nothing: refused, with 403 (401 for nobody).
# decide, load, release: answered for that kind of DAG only. ~load: where the address says "any DAG" and the body names a load.
"""

pytestmark = [pytest.mark.airflow, pytest.mark.timeout(600)]


def found() -> dict[str, dict[str, Any]]:
    """`routes`, as they were answered; `said`, what giving the roles told."""
    folders = os.pathsep.join(str(CHECKOUT / name) for name in ("include", "plugins", "tests"))
    with tempfile.TemporaryDirectory(prefix="gp-collect-routes-") as home:
        ran = subprocess.run(
            [sys.executable, "-m", "support.airflow_walked", home],
            env=os.environ | {"PYTHONPATH": folders}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout)


def reviewed() -> dict[str, dict[str, str]]:
    lines = [line for line in REVIEWED.read_text().splitlines() if not line.startswith("#")]
    return {row.pop("route"): row for row in csv.DictReader(lines)}


@pytest.fixture(scope="module")
def airflow() -> dict[str, dict[str, Any]]:
    return found()


def test_roles_are_made_mended_and_then_left_alone(airflow: dict[str, dict[str, Any]]) -> None:
    """Somebody gave stewards every DAG by hand, and took away that they answer."""
    said = airflow["said"]
    assert {line.partition(":")[0] for line in said["first"]} == {"engineer", "steward", "responder", "auditor"}
    assert said["differs"] == said["mended"]
    assert said["mended"] == ["steward: given can_edit on HITL Detail", "steward: taken away can_edit on DAGs"]
    assert said["again"] == ["auditor, engineer, responder, steward: as policy has them."]


def test_each_role_is_answered_and_refused_as_it_was_reviewed(airflow: dict[str, dict[str, Any]]) -> None:
    known, answers = reviewed(), airflow["routes"]
    assert {route for route in answers if route not in known} == set(), "decide who may, in routes.csv"
    assert {route for route in known if route not in answers} == set(), "these are no more"
    differ = {route: answers[route] for route in known if known[route] != answers[route]}
    assert differ == {}


def test_nobody_reads_or_changes_a_secret_an_answer_or_a_role() -> None:
    """What is reviewed may not say so either."""
    closed = ("connections", "variables", "config/", "/fab/v1/", "/api/v2/config")
    for route, may in reviewed().items():
        if any(part in route for part in closed) or ("xcomEntries" in route and not route.startswith("GET")):
            assert set(may.values()) == {""}, route
        if route.startswith("DELETE"):
            assert set(may.values()) == {""}, route


def test_who_has_no_role_changes_nothing_and_is_shown_nothing_of_a_run() -> None:
    open_to_all = {route for route, may in reviewed().items() if may["stranger"]}
    assert {route for route in open_to_all if not route.startswith("GET")} == {"POST /ui/auth/token"}
    assert not [
        route for route in open_to_all if "{" in route.replace("{rest_of_path:path}", "") or "gp-collect" in route
    ]


def test_only_a_steward_answers_and_only_what_is_asked_of_stewards() -> None:
    answering = {route: may for route, may in reviewed().items() if route.startswith("PATCH") and "hitl" in route}
    assert [{name: of for name, of in may.items() if of} for may in answering.values()] == [{"steward": "decide"}]


def test_an_auditor_changes_nothing() -> None:
    harmless = ("/favorite", "/unfavorite", "/list", "/ui/auth/token")  # a mark of their own; a question in a body
    changing = {route for route, may in reviewed().items() if may["auditor"] and not route.startswith("GET")}
    assert {route for route in changing if not route.endswith(harmless)} == set()


def test_a_responder_does_nothing_to_a_release_or_a_decision() -> None:
    for route, may in reviewed().items():
        if not route.startswith("GET") and not route.endswith(("/favorite", "/unfavorite", "/list")):
            assert not {"release", "decide", "~release", "~decide"} & set(may["responder"].split()), route


def write() -> None:
    """What is found now, to be read before it is kept."""
    rows = [{"route": route, **may} for route, may in found()["routes"].items()]
    with REVIEWED.open("w", newline="") as file:
        file.write(LEGEND)
        table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


if __name__ == "__main__":
    write()
