"""The register of data uses as it was last published, beside the files that go with it."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi import Path as InPath
from fastapi.responses import FileResponse, HTMLResponse

from central_zone.chain.anchors import CHECKPOINT_FILE
from gp_collect_pages.access import may_look
from gp_collect_pages.reading import SettingsOfPage
from gp_collect_pages.rendering import page

router = APIRouter()
# What may be asked for, and as what it is given. The page itself brings its own style, and nothing from elsewhere.
FILES = {
    "index.html": "text/html",
    "register.json": "application/json",
    "register.csv": "text/csv",
    "feed.atom": "application/atom+xml",
    CHECKPOINT_FILE: "text/plain",
}
# As the page says of itself; our other pages have no style within them.
_ITS_OWN_STYLE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; base-uri 'none'"
}


@router.get("/register", dependencies=[Depends(may_look)])
def register(request: Request, settings: SettingsOfPage) -> HTMLResponse:
    """Where the published files are, and when they were made."""
    folder = settings.register_folder
    there = [name for name in FILES if (folder / name).is_file()]
    return page(request, "register.html.j2", title="Register of data uses", files=there)


@router.get("/register/published/{name}", dependencies=[Depends(may_look)])
def published(settings: SettingsOfPage, name: Annotated[str, InPath(max_length=80)]) -> Response:
    """One of the register's own files, byte for byte as the public gets it."""
    path: Path = settings.register_folder / name
    if name not in FILES or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, media_type=FILES[name], headers=_ITS_OWN_STYLE)
