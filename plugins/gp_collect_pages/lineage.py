"""Lineage: which run read which parcel, and wrote how many rows of which table."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from central_zone.night.lineage_seen import A_PAGE, events
from gp_collect_pages.access import may_look
from gp_collect_pages.reading import LedgerOfPage
from gp_collect_pages.rendering import page

router = APIRouter()


@router.get("/lineage", dependencies=[Depends(may_look)])
def lineage(
    request: Request,
    zone: LedgerOfPage,
    run: UUID | None = None,
    before: Annotated[int | None, Query(ge=1)] = None,
) -> HTMLResponse:
    """The last events, or those of one run: a parcel's id is the id of the run that loaded it."""
    seen = events(zone, run=str(run) if run else None, before=before)
    return page(request, "lineage.html.j2", title="Lineage", events=seen, run=run, more=len(seen) == A_PAGE)
