"""Quality: how each rule of validation fares, at each practice, over nights. Counts of rows; never what is in one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import Connection

from central_zone.expectations.rules import Rule, read_rule_book
from central_zone.quality.by_practice import by_practice
from central_zone.quality.by_rule import by_rule
from central_zone.quality.drift import drift_of_practice, drift_upwards
from central_zone.quality.over_nights import Point, at_all_practices, at_one_practice
from central_zone.quality.shares import share_in_words
from central_zone.quality.small_numbers import shown
from central_zone.quality.thresholds import read_thresholds
from central_zone.quality.window import Window, last_days
from central_zone.quarantine_lines import lines
from central_zone.quarantine_overview import decided_rows
from central_zone.store.connection import transaction
from central_zone.zone import Zone
from gp_collect_pages.access import may_look
from gp_collect_pages.quarantine import asking
from gp_collect_pages.reading import LedgerOfPage
from gp_collect_pages.rendering import page
from gp_collect_pages.trend import Trend, trend

router = APIRouter()
A_PAGE = 100
_DAYS = (1, 7, 28, 90)
_LATELY = timedelta(days=7)
_DRIFT_OF = 28  # days: as many nights as the usual share is made of, and some that were missed
Asked = Annotated[str, Query(max_length=60)]
Days = Annotated[int, Query(ge=1, le=400)]
PageNumber = Annotated[int, Query(alias="page", ge=1, le=10_000)]
Code = Annotated[str, Path(pattern=r"^[A-Z]\d{5}$")]
Name = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,59}$")]


@router.get("/quality", dependencies=[Depends(may_look)])
def quality(
    request: Request, zone: LedgerOfPage, collection: Asked = "", days: Days = 1, number: PageNumber = 1
) -> HTMLResponse:
    """Every rule, then every practice, of one collection over some days."""
    chosen = _chosen(zone, collection)
    with transaction(zone.store, "look at quality") as connection:
        window = last_days(connection, chosen, days, now=zone.now())
        rules, practices = by_rule(connection, window), by_practice(connection, window)
    first = (number - 1) * A_PAGE
    return _page(
        request,
        "quality.html.j2",
        zone,
        title="Quality",
        last_day=window.last_day,
        asked={"collection": chosen, "days": days},
        rules=rules,
        practices=practices[first : first + A_PAGE],
        first=first,
        found=len(practices),
        number=number,
        pages=-(-len(practices) // A_PAGE),
    )


@router.get("/quality/drift", dependencies=[Depends(may_look)])
def drifting(request: Request, zone: LedgerOfPage, collection: Asked = "") -> HTMLResponse:
    """Which practices' last parcel broke a rule more than usual."""
    chosen = _chosen(zone, collection)
    with transaction(zone.store, "look for drift") as connection:
        window = last_days(connection, chosen, _DRIFT_OF, now=zone.now())
        found = drift_upwards(connection, window, read_thresholds(zone.policy))
    found.sort(key=lambda each: (-(each.rows.share or 0), each.practice_code))
    return _page(
        request,
        "drift.html.j2",
        zone,
        title="Drift",
        last_day=window.last_day,
        asked={"collection": chosen, "days": _DRIFT_OF},
        differing=found[:A_PAGE],
        found=len(found),
    )


@router.get("/quality/practice/{code}", dependencies=[Depends(may_look)])
def of_practice(request: Request, zone: LedgerOfPage, code: Code, collection: Asked = "") -> HTMLResponse:
    """One practice: what its last parcel broke beside what is usual, and what of it waits in quarantine."""
    chosen = _chosen(zone, collection)
    with transaction(zone.store, "look at a practice's quality") as connection:
        window = last_days(connection, chosen, _DRIFT_OF, now=zone.now())
        lately = (window.until or zone.now()) - _LATELY
        found = drift_of_practice(connection, window, read_thresholds(zone.policy), code, others_since=lately)
        waiting = lines(connection, zone.policy, chosen, code)
        decided = decided_rows(connection, chosen, practice_code=code)
    return _page(
        request,
        "quality_of_practice.html.j2",
        zone,
        title=f"Quality of practice {code}",
        last_day=window.last_day,
        asked={"collection": chosen, "days": _DRIFT_OF},
        code=code,
        found=found,
        waiting=waiting,
        decided=decided,
        ask=asking(chosen),
    )


@router.get("/quality/rule/{table}/{rule}", dependencies=[Depends(may_look)])
def of_rule(
    request: Request,
    zone: LedgerOfPage,
    table: Name,
    rule: Name,
    collection: Asked = "",
    practice: Annotated[str, Query(pattern=r"^([A-Z]\d{5})?$")] = "",
    days: Days = 28,
) -> HTMLResponse:
    """One rule over nights, at one practice or at all of them."""
    chosen = _chosen(zone, collection)
    with transaction(zone.store, "look at a rule") as connection:
        window = last_days(connection, chosen, days, now=zone.now())
        points = _points(connection, window, practice, table, rule)
    if not points and (table, rule) not in _rules(zone):
        raise HTTPException(404)
    return _page(
        request,
        "quality_of_rule.html.j2",
        zone,
        title=f"{table.replace('_', ' ')}: {rule.replace('_', ' ')}",
        last_day=window.last_day,
        asked={"collection": chosen, "days": days, "practice": practice},
        table=table,
        rule_id=rule,
        rule=_rules(zone).get((table, rule)),
        points=points,
        plot=_plot(points),
    )


def _points(connection: Connection, window: Window, practice: str, table: str, rule: str) -> list[Point]:
    if practice:
        return at_one_practice(connection, window, practice, table, rule)
    return at_all_practices(connection, window, table, rule)


def _plot(points: Sequence[Point]) -> Trend:
    return trend([(point.night.strftime("%-d %b"), point.rows.share if point.rows else None) for point in points])


def _chosen(zone: Zone, collection: str) -> str:
    collections = zone.policy.collections()
    return collection if collection in collections else collections[0]


def _rules(zone: Zone) -> dict[tuple[str, str], Rule]:
    """The rules as policy has them today; what was asked before may be among them no more."""
    book = read_rule_book(zone.policy)
    return {(table, rule.id): rule for table, rules in book.rules.items() for rule in rules}


def _page(
    request: Request, template: str, zone: Zone, *, title: str, asked: dict[str, Any], **contents: Any
) -> HTMLResponse:
    return page(
        request,
        template,
        title=title,
        asked=asked,
        collections=[(each, zone.policy.collection(each).title) for each in zone.policy.collections()],
        days=sorted({*_DAYS, asked["days"]}),
        thresholds=read_thresholds(zone.policy),
        shown=shown,
        percent=share_in_words,
        query=lambda **changes: urlencode({**asked, **changes}),
        **contents,
    )
