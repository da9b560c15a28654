"""Metrics for a scrape, behind the same check as the pages: Prometheus signs in to Airflow with a user's token."""

from fastapi import APIRouter, Depends, Response

from central_zone.metrics.expose import CONTENT_TYPE, exposition
from central_zone.metrics.measure import measured_in
from gp_collect_pages.access import may_look
from gp_collect_pages.reading import LedgerOfPage

router = APIRouter()


@router.get("/metrics", dependencies=[Depends(may_look)])
def metrics(zone: LedgerOfPage) -> Response:
    """As `gp-central metrics` prints them."""
    return Response(exposition(measured_in(zone)), media_type=CONTENT_TYPE)
