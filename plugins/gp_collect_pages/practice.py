"""A practice: its parcels in order, what was kept out and why, what it waits for, and what failed."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse

from central_zone.night.one_practice import PracticeSeen, look_at
from central_zone.night.states import Failure
from gp_collect_pages.access import may_look
from gp_collect_pages.drawing import Bars, stacked
from gp_collect_pages.failures import failures_since
from gp_collect_pages.reading import LedgerOfPage, RunsOfPage
from gp_collect_pages.rendering import page

router = APIRouter()
_FAILURES_OF = timedelta(days=28)
_DRAWN = 20  # parcels


@router.get("/practice/{code}", dependencies=[Depends(may_look)])
def practice(
    request: Request,
    zone: LedgerOfPage,
    runs: RunsOfPage,
    code: Annotated[str, Path(pattern=r"^[A-Z]\d{5}$")],
    collection: Annotated[str, Query(max_length=60)] = "",
    before: Annotated[int | None, Query(ge=1)] = None,
) -> HTMLResponse:
    """One practice in one collection."""
    collections = zone.policy.collections()
    chosen = collection if collection in collections else collections[0]
    seen = look_at(zone, chosen, code, before=before)
    if not seen.is_known:
        raise HTTPException(404)
    failed = failures_since(runs, chosen, zone.now() - _FAILURES_OF)
    return page(
        request,
        "practice.html.j2",
        title=f"Practice {code}",
        seen=seen,
        collection=chosen,
        collection_title=zone.policy.collection(chosen).title,
        failures=_newest_first(failed, code),
        plot=_trend(seen),
        rules=_by_rule(seen),
    )


def _newest_first(failures: list[Failure], code: str) -> list[Failure]:
    return [each for each in reversed(failures) if each.practice_code == code][:_DRAWN]


def _trend(seen: PracticeSeen) -> Bars:
    """Rows of records of the last parcels, oldest first: loaded, and kept out upon them."""
    drawn = list(reversed(seen.parcels[:_DRAWN]))
    columns = [(str(each.sequence), (each.rows_loaded, each.rows_kept_out)) for each in drawn]
    return stacked(columns, classes=["loaded", "held"])


def _by_rule(seen: PracticeSeen) -> dict[str, list[int]]:
    """Rule -> rows of records kept out, for each parcel drawn, oldest first."""
    drawn = list(reversed(seen.parcels[:_DRAWN]))
    rules = sorted({rule for each in drawn for rule in each.kept_out})
    return {rule: [each.kept_out.get(rule, 0) for each in drawn] for rule in rules}
