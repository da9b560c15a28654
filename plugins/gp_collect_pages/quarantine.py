"""Quarantine: which rows wait for a steward, what may be done with them, where that is done, and who decided what, and why.

The answer itself is given in Airflow's own form, so that it is Airflow that knows who answers.
"""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from central_zone.quality.window import last_days
from central_zone.quarantine_overview import decided_rows, waiting_rows
from central_zone.store.connection import transaction
from gp_collect_pages.access import may_look
from gp_collect_pages.reading import LedgerOfPage
from gp_collect_pages.rendering import page

router = APIRouter()
A_PAGE = 100
_DAYS = (1, 7, 28, 90, 400)


@router.get("/quality/quarantine", dependencies=[Depends(may_look)])
def quarantine(
    request: Request,
    zone: LedgerOfPage,
    collection: Annotated[str, Query(max_length=60)] = "",
    practice: Annotated[str, Query(pattern=r"^([A-Z]\d{5})?$")] = "",
    days: Annotated[int, Query(ge=1, le=400)] = 28,
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """What waits at all practices of a collection, or at one, of extracts taken in some days; and the last decisions."""
    collections = zone.policy.collections()
    chosen = collection if collection in collections else collections[0]
    after = (number - 1) * A_PAGE
    with transaction(zone.store, "look into quarantine") as connection:
        window = last_days(connection, chosen, days, now=zone.now())
        waiting, found = waiting_rows(connection, window, zone.policy, practice_code=practice, most=A_PAGE, after=after)
        decided = decided_rows(connection, chosen, practice_code=practice)
    asked: dict[str, Any] = {"collection": chosen, "days": days, "practice": practice}
    return page(
        request,
        "quarantine.html.j2",
        title="Quarantine",
        last_day=window.last_day,
        asked=asked,
        collections=[(each, zone.policy.collection(each).title) for each in collections],
        days=sorted({*_DAYS, days}),
        waiting=waiting,
        after=after,
        found=found,
        number=number,
        pages=-(-found // A_PAGE),
        decided=decided,
        ask=asking(chosen),
        query=lambda **changes: urlencode({**asked, **changes}),
    )


def asking(collection: str) -> str:
    """Airflow's page of the DAG that asks a steward."""
    return f"/dags/decide_quarantine__{collection}"
