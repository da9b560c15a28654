"""The night: practices by nights."""

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from gp_collect_pages.access import may_look
from gp_collect_pages.rendering import page

router = APIRouter()


@router.get("/night", dependencies=[Depends(may_look)])
def night(request: Request) -> HTMLResponse:
    return page(request, "night.html.j2", title="The night")
