"""A run of decide_quarantine__gpdpr in a real Airflow of this process's own, and a steward who answers: python -m ... FOLDER.

Airflow runs the tasks itself (`dag.test`), over a new database; the answers go through the function that its API answers with.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

CHECKOUT = Path(__file__).parents[2]
DAG = "decide_quarantine__gpdpr"
ADA = SimpleNamespace(get_id=lambda: "7", get_name=lambda: "ada")


def configure(home: Path) -> None:
    os.environ.update(
        {
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(CHECKOUT / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(CHECKOUT / "plugins"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }
    )


def answer(answers: dict[str, str], asked: dict[str, list[str]]) -> None:
    """Each question as it appears: what of `answers` fits its subject, and with what it may be answered."""
    from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
    from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    while len(asked) < len(answers):
        time.sleep(2)
        with create_session() as session:
            waits = select(TaskInstance).where(TaskInstance.state == "awaiting_input")
            for ti in session.scalars(waits).all():
                detail = session.scalar(select(HITLDetail).where(HITLDetail.ti_id == ti.id))
                if detail is None or detail.subject in asked:
                    continue
                said = UpdateHITLDetailPayload(
                    chosen_options=[answers[detail.subject]], params_input={"reason": "asked them"}
                )
                asked[detail.subject] = list(detail.options)
                update_hitl_detail(DAG, ti.run_id, ti.task_id, said, ADA, session, ti.map_index)  # type: ignore[arg-type]  # as much of a user as it asks


def main(home: Path, practice: str, answers: dict[str, str]) -> dict[str, Any]:
    configure(home)
    from airflow.dag_processing.dagbag import DagBag
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    asked: dict[str, list[str]] = {}
    steward = threading.Thread(target=answer, args=(answers, asked), daemon=True)
    dag = DagBag(CHECKOUT / "dags" / "decide_quarantine.py").dags[DAG]
    steward.start()
    run = dag.test(run_conf={"practice_code": practice})
    with create_session() as session:
        states = sorted((ti.task_id, ti.map_index, str(ti.state)) for ti in run.get_task_instances(session=session))
    return {"asked": asked, "state": str(run.state), "tasks": states}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))) + "\n")
