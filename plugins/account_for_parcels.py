"""The two ends of a load's run: parcels are fetched where a carrier brings them, and a run is green when all got in."""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from results_of_shards import members_of
from stop_for_a_person import stop_for_a_person


@stop_for_a_person
def fetch_parcels() -> dict[str, Any]:
    """Where parcels come over MESH, brings them into the inbox."""
    from central_zone import fetch, settings  # only here: the DAG processor has no zone

    return fetch.fetch_parcels(settings.load())


@stop_for_a_person
def every_parcel_loaded(
    collection: str, shards: Iterable[Iterable[str]] | None, fetched: Mapping[str, Any] | None
) -> None:
    """Raises AirflowFailException naming what did not load, or where `fetched` is nothing: then the fetch failed."""
    from central_zone import load_parcel, settings

    load_parcel.account_for(collection, members_of(shards), settings.load())
    if fetched is None:
        raise AirflowFailException("What was here is loaded, but `fetch_parcels` failed: it says what to mend.")
