"""The night: practices by nights, what needs somebody first, and how each supplier and region stands."""

from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from central_zone.night.nights import last_nights
from central_zone.night.states import MEANINGS, STATES
from central_zone.night.the_night import A_PAGE, TheNight, Wanted, look
from crossing.policy import Policy
from gp_collect_pages.access import may_look
from gp_collect_pages.drawing import Bars, stacked
from gp_collect_pages.failures import failures_since
from gp_collect_pages.reading import LedgerOfPage, RunsOfPage
from gp_collect_pages.rendering import page

router = APIRouter()
SYMBOLS = {
    "failed": "F",
    "held": "H",
    "refused": "R",
    "late": "!",
    "waiting": "W",
    "arrived": "A",
    "loaded": "✓",
    "not_due": "·",
}
_TROUBLES = 50  # told on the page; the table has all of them
Trouble = dict[str, Any]
Choice = Annotated[str, Query(max_length=60)]


@router.get("/night", dependencies=[Depends(may_look)])
def night(
    request: Request,
    zone: LedgerOfPage,
    runs: RunsOfPage,
    collection: Choice = "",
    supplier: Choice = "",
    region: Choice = "",
    state: Choice = "",
    nights: Annotated[int, Query(ge=2, le=60)] = 14,
    number: Annotated[int, Query(alias="page", ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """One collection's nights. What is chosen stands in the address, so that it can be sent to somebody."""
    collections = zone.policy.collections()
    chosen = collection if collection in collections else collections[0]
    wanted = Wanted(supplier=supplier or None, region=region or None, state=state or None, page=number, nights=nights)
    since = last_nights(zone.policy.collection(chosen).schedule, zone.now(), nights)[0].begins
    seen = look(zone, chosen, failures_since(runs, chosen, since), wanted)
    failed, mended = _troubles(seen)
    asked = {"collection": chosen, "supplier": supplier, "region": region, "state": state, "nights": nights}
    return page(
        request,
        "night.html.j2",
        title="The night",
        seen=seen,
        asked=asked,
        choices=_choices(zone.policy, collections, seen),
        failed=failed,
        mended=mended,
        plot=_plot(seen),
        symbols=SYMBOLS,
        meanings=MEANINGS,
        number=number,
        first=(number - 1) * A_PAGE + 1,
        query=lambda **changes: urlencode({**asked, "page": number} | changes),
    )


def _choices(policy: Policy, collections: list[str], seen: TheNight) -> dict[str, list[tuple[str, str]]]:
    """What each list of the form offers: what is sent, and what is read."""
    return {
        "collection": [(each, policy.collection(each).title) for each in collections],
        "supplier": [("", "all suppliers"), *((each.name, each.name) for each in seen.by_supplier)],
        "region": [("", "all regions"), *((each.name, each.name) for each in seen.by_region)],
        "state": [("", "all states"), *((each, each.replace("_", " ")) for each in STATES)],
        "nights": [(str(each), f"{each} nights") for each in sorted({7, 14, 28, len(seen.nights)})],
    }


def _troubles(seen: TheNight) -> tuple[list[Trouble], list[Trouble]]:
    """Failures of the newest night, of the practices shown: those that stand, no single practice's and whoever must act first;
    and those of which something came since."""
    of_all: list[Trouble] = [{"practice_code": None, "failure": each, "state": "failed"} for each in seen.of_all]
    of_one: list[Trouble] = [
        {
            "practice_code": line.standing.practice_code,
            "failure": line.standing.tonight.failure,
            "state": line.standing.tonight.state,
        }
        for line in seen.lines
        if line.standing.tonight.failure
    ]
    of_one.sort(key=lambda each: (each["failure"].who_acts != "person", each["practice_code"]))
    stands = [each for each in of_one if each["state"] == "failed"]
    mended = [each for each in of_one if each["state"] != "failed"]
    return (of_all + stands)[:_TROUBLES], mended[:_TROUBLES]


def _plot(seen: TheNight) -> Bars:
    """Parcels of each night, by what they are today."""
    of_ledger = ("loaded", "compared", "approved", "validated", "received", "waiting", "refused", "held")
    columns = [
        (night.day.strftime("%-d %b"), [counts.get(state, 0) for state in of_ledger])
        for night, counts in zip(seen.nights, seen.parcels, strict=True)
    ]
    return stacked(columns, classes=["loaded", "loaded", "arrived", "arrived", "arrived", "waiting", "refused", "held"])
