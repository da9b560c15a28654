"""The application of our pages: one router a page, the same few headers on all, and errors told as a page too."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from crossing.errors import PersonMustAct, TryAgain
from gp_collect_pages import decisions, lineage, metrics, night, practice, quality, quarantine, register
from gp_collect_pages.access import may_look
from gp_collect_pages.rendering import page

_STATIC = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript"}
_HEADERS = {
    # Nothing is loaded from anywhere else, nothing written in a page is run, and only Airflow's own frame shows it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "frame-ancestors 'self'; base-uri 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_WHY = {
    401: "Nobody is signed in to Airflow here, or no longer. Sign in, and open the page again.",
    403: "Your role in Airflow does not include this page. Ask whoever gives out roles, if you need it.",
    404: "There is no such page.",
    422: "The address asks for something that this page does not know.",
}

static = APIRouter()


@static.get("/static/{name}", dependencies=[Depends(may_look)])
def static_file(name: str) -> Response:
    """Our style and script. Behind the same check as the pages: nothing of ours is answered to strangers."""
    path = _STATIC / name
    if path.parent != _STATIC or path.suffix not in _TYPES or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=_TYPES[path.suffix])


PAGES = (
    static,
    night.router,
    practice.router,
    decisions.router,
    register.router,
    lineage.router,
    quality.router,
    quarantine.router,
    metrics.router,
)


def pages() -> FastAPI:
    """The application. It has no pages of its own making: no documentation, no schema."""
    app = FastAPI(title="GP Collect", docs_url=None, redoc_url=None, openapi_url=None)
    for router in PAGES:
        app.include_router(router)
    app.middleware("http")(_with_headers)
    app.exception_handler(AnyHTTPException)(_refused)
    app.exception_handler(RequestValidationError)(_not_understood)
    app.exception_handler(TryAgain)(_not_now)
    app.exception_handler(PersonMustAct)(_not_now)
    return app


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _not_understood(request: Request, error: Exception) -> Response:
    """FastAPI's own answer would say back what was asked."""
    return await _refused(request, HTTPException(422))


async def _refused(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 500)
    why = _WHY.get(status, "This page cannot be shown.")
    return page(request, "refused.html.j2", title="Not shown", status=status, why=why, is_signed_out=status == 401)


async def _not_now(request: Request, error: Exception) -> Response:
    """Our own errors: their text holds counts, names of files and what to do, never a value."""
    return page(request, "refused.html.j2", title="Not shown now", status=503, why=str(error), is_signed_out=False)
