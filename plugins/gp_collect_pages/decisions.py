"""Decisions: what is held, what broke beside what is usual, where to answer; and who decided what before, and why.

The answer itself is given in Airflow's own form, so that it is Airflow that knows who answers.
"""

from typing import Annotated, Any

from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from central_zone.decisions.decided import last_decisions
from central_zone.decisions.held import held_parcels
from gp_collect_pages.access import may_look
from gp_collect_pages.failures import task_path
from gp_collect_pages.reading import LedgerOfPage, RunsOfPage
from gp_collect_pages.rendering import page

router = APIRouter()
_OPEN = ("awaiting_input", "deferred")


@router.get("/decisions", dependencies=[Depends(may_look)])
def decisions(
    request: Request,
    zone: LedgerOfPage,
    runs: RunsOfPage,
    collection: Annotated[str, Query(max_length=60)] = "",
) -> HTMLResponse:
    """What one collection's stewards have to decide on."""
    collections = zone.policy.collections()
    chosen = collection if collection in collections else collections[0]
    return page(
        request,
        "decisions.html.j2",
        title="Decisions",
        collection=chosen,
        collections=collections,
        held=held_parcels(zone, chosen),
        questions=open_questions(runs, chosen),
        decided=last_decisions(zone),
    )


def open_questions(session: Session, collection: str) -> dict[str, str]:
    """Parcel -> the page of Airflow on which its question is answered; of two questions about one, the newer."""
    task = TaskInstance
    columns: tuple[Any, ...] = (task.dag_id, task.run_id, task.task_id, task.map_index, HITLDetail.body)
    asked = (
        select(*columns)
        .join(HITLDetail, HITLDetail.ti_id == task.id)
        .where(task.dag_id == f"decide__{collection}", task.state.in_(_OPEN), HITLDetail.responded_at.is_(None))
        .order_by(HITLDetail.created_at)
    )
    return {_parcel_in(row.body): f"{task_path(row)}/required_actions" for row in session.execute(asked)}


def _parcel_in(body: str | None) -> str:
    """The question names it in a sentence of its own: see ask_the_steward.question_about."""
    return (body or "").rpartition("\nParcel ")[2].partition(".")[0]
