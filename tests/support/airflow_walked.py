"""Every route of Airflow's own server, asked by each role: python -m support.airflow_walked FOLDER, answers as JSON.

A process of its own: Airflow reads its configuration once, when it is imported. Airflow's application is the real one, with
FAB's users and roles in a new database; nothing listens anywhere.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parents[2]
PEOPLE = ("engineer", "steward", "responder", "auditor", "stranger")
# One of each kind that roles tell apart.
DAGS = {"decide": "decide__gpdpr", "load": "load__gpdpr", "release": "release__example_respiratory_demand"}
RUN, TASK = "night-1", "step"
# Not asked: they serve tasks by tokens of their own, are how one signs in and out, or are shut to all before anybody is asked
# for (connections are not tested: [core] test_connection), or want a token that the page of the file itself has.
LEFT_OUT = (
    "/execution",
    "/auth/token",
    "/api/v2/auth/log",
    "/api/v2/connections/enqueue-test",
    "/api/v2/parseDagFile",
    "/api/v1/",
    "/api/{_",
    "/health",
)
# Asked by which DAG stands in the body, while the address says "of any DAG".
BULK = ("/dagRuns", "/clearDagRuns", "/taskInstances", "/taskInstances/list", "/dagRuns/list")
_IDS = {
    "dag_run_id": RUN,
    "run_id": RUN,
    "task_id": TASK,
    "map_index": "0",
    "group_id": "each_shard",
    "backfill_id": "1",
    "pool_name:path": "default_pool",
    "name": "engineer",
    "username": "engineer",
}


def configure(home: Path) -> None:
    os.environ.update(
        {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__API_AUTH__JWT_SECRET": "of this test and nothing else, sixty-four characters of it......",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "CRITICAL",
        }
    )


def application() -> tuple[Any, dict[str, list[str]]]:
    """Airflow's, over a new database that has our roles, a person of each, DAGs and a run of each; and what giving roles said."""
    from airflow.api_fastapi.app import create_app
    from airflow.utils.db import initdb

    initdb()
    app = create_app(apps="core")  # what serves tasks is another application, with tokens of its own
    said = make_people()
    make_runs()
    return app, said


def make_people() -> dict[str, list[str]]:
    """What giving roles said: the first time, once somebody had changed them by hand, and again."""
    from airflow.providers.fab.www.security_appless import ApplessAirflowSecurityManager
    from airflow.utils.session import create_session

    from airflow_roles.give_roles import differences, give_roles, in_words
    from airflow_roles.wanted import wanted_roles
    from crossing.policy import Policy

    wanted, said = wanted_roles(Policy()), {}
    with create_session() as session:
        said["first"] = [*in_words(give_roles(session, wanted))]
        manager = ApplessAirflowSecurityManager(session=session)
        steward = manager.find_role("steward")
        manager.add_permission_to_role(steward, manager.create_permission("can_edit", "DAGs"))
        manager.remove_permission_from_role(steward, manager.get_permission("can_edit", "HITL Detail"))
        said["differs"] = [*in_words(differences(session, wanted))]
        said["mended"] = [*in_words(give_roles(session, wanted))]
        said["again"] = [*in_words(give_roles(session, wanted))]
        for name in PEOPLE:
            roles = [role] if (role := manager.find_role(name)) else []
            manager.add_user(name, name, "X", f"{name}@example.invalid", role=roles, hashed_password="none")  # noqa: S106  (of nobody)
    return said


def make_runs() -> None:
    from datetime import UTC, datetime

    from airflow.models.backfill import Backfill
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    moment = datetime(2026, 9, 2, tzinfo=UTC)
    with create_session() as session:
        session.add(DagBundleModel(name="dags-folder"))
        session.flush()
        for dag in DAGS.values():
            session.add(DagModel(dag_id=dag, bundle_name="dags-folder", fileloc=f"/{dag}.py"))
            session.flush()
            run = DagRun(dag_id=dag, run_id=RUN, run_after=moment, run_type=DagRunType.MANUAL, state="failed")
            run.triggered_by = DagRunTriggeredByType.TEST
            session.add(run)
        session.add(Backfill(id=1, dag_id=DAGS["load"], from_date=moment, to_date=moment, dag_run_conf={}))


def routes_of(app: Any) -> Iterator[tuple[str, str]]:
    """Method and path of each, those of mounted applications too. Last of all what answers any path."""
    from fastapi.routing import APIRoute
    from starlette.routing import Mount

    def below(routes: Any, prefix: str) -> Iterator[tuple[str, str]]:
        for route in routes:
            path = prefix + route.path
            if path.startswith(LEFT_OUT):
                continue
            if isinstance(route, APIRoute):
                yield from ((method, path) for method in sorted(route.methods))
            elif isinstance(route, Mount):
                yield from below(getattr(route.app, "routes", ()), path)

    yield from below(app.routes, "")
    from gp_collect_pages.app import pages

    yield from below(pages().routes, "/gp-collect")


def body_of(method: str, path: str, dag: str) -> Any:
    """Where what is asked for stands in the body, it is asked of that DAG; elsewhere nothing need be right."""
    run = {"dag_id": dag, "dag_run_id": RUN}
    day = "2026-09-02T00:00:00Z"
    backfill = {"dag_id": dag, "from_date": day, "to_date": day, "reprocess_behavior": "none", "run_backwards": False}
    known = {
        "POST /backfills": backfill,
        "POST /backfills/dry_run": backfill,
        "PATCH /dagRuns/{dag_run_id}/taskInstances": changing(
            {**run, "task_id": TASK, "map_index": -1, "new_state": "success"}
        ),
        "PATCH /dags/{dag_id}/dagRuns": changing({**run, "note": "seen"}),
        "POST /clearDagRuns": {"dag_runs": [run]},
        "POST /dagRuns/list": {"dag_ids": [dag]},
        "POST /taskInstances/list": {"dag_ids": [dag]},
        "PATCH /v2/connections": changing({"connection_id": "c", "conn_type": "http"}),
        "PATCH /v2/variables": changing({"key": "k", "value": "v"}),
        "PATCH /v2/pools": changing({"name": "default_pool", "slots": 7, "include_deferred": False}),
    }
    return next((body for end, body in known.items() if method == end.split()[0] and path.endswith(end.split()[1])), {})


def changing(entity: dict[str, Any]) -> dict[str, Any]:
    return {"actions": [{"action": "update", "entities": [entity]}]}


async def asked(client: Any, method: str, path: str, dag: str, token: str) -> int:
    """`~` before a DAG: it stands in the body only. What is refused within an answer about many counts as refused."""
    ids = _IDS | ({"dag_id": "~", "dag_run_id": "~"} if dag.startswith("~") else {"dag_id": dag})
    url = path
    for name in [part.split("}")[0] for part in path.split("{")[1:]]:
        url = url.replace("{" + name + "}", str(ids.get(name, "1")))
    body = None if method == "GET" else body_of(method, path, dag.removeprefix("~"))
    answer = await client.request(method, url, json=body, headers={"Authorization": f"Bearer {token}"})
    said = answer.json() if method == "PATCH" and answer.status_code == 200 else {}
    return 403 if "not authorized" in str(said.get("update")) else int(answer.status_code)


def asked_of(method: str, path: str) -> dict[str, str]:
    """Reading is one right over all DAGs, so one of them is enough."""
    if "{dag_id}" not in path and not path.startswith("/api/v2/backfills"):
        return {"any": DAGS["load"]}
    if method == "GET" or "{backfill_id}" in path:
        return {"load": DAGS["load"]}
    in_bodies = {f"~{kind}": f"~{dag}" for kind, dag in DAGS.items()} if path.endswith(BULK) else {}
    return DAGS | in_bodies


async def walked(app: Any) -> dict[str, dict[str, dict[str, int]]]:
    """Route -> DAG, or `any` where the route is of none -> person -> status."""
    from httpx import ASGITransport, AsyncClient

    tokens, answers = tokens_of(app), {}
    transport = ASGITransport(app, raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://airflow") as client:
        for method, path in routes_of(app):
            for number, (kind, dag) in enumerate(asked_of(method, path).items()):
                who = (
                    PEOPLE if number else (*PEOPLE, "nobody")
                )  # whoever is not signed in is refused before anything is looked at
                told = {name: await asked(client, method, path, dag, tokens[name]) for name in who}
                answers.setdefault(f"{method} {path}", {})[kind] = told
    return answers


def tokens_of(app: Any) -> dict[str, str]:
    from airflow.providers.fab.auth_manager.models import User
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        users = {user.username: user for user in session.scalars(select(User)).unique()}
        return {name: app.state.auth_manager.generate_jwt(users[name]) for name in PEOPLE} | {"nobody": ""}


def as_table(answers: dict[str, dict[str, dict[str, int]]]) -> dict[str, dict[str, str]]:
    """Route -> person -> of which DAGs it is answered: `yes` where it is of none, nothing where it is refused."""
    return {
        route: {
            name: " ".join(kind for kind, told in of.items() if is_answered(name, told)).replace("any", "yes")
            for name in PEOPLE
        }
        | {"nobody": "yes" if next(iter(of.values()))["nobody"] != 401 else ""}
        for route, of in answers.items()
    }


def is_answered(name: str, told: dict[str, int]) -> bool:
    """Who has no right at all is told of some things that they are not there."""
    return told[name] not in (401, 403) and not (name == "stranger" and told[name] == 404)


if __name__ == "__main__":
    configure(Path(sys.argv[1]))
    real, sys.stdout = sys.stdout, sys.stderr
    made, said = application()
    json.dump({"routes": as_table(asyncio.run(walked(made))), "said": said}, real)
