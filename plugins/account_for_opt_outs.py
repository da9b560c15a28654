"""What upholding opt-outs came to: a run is green only when every practice was looked at and what left was sent."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from stop_for_a_person import stop_for_a_person

Said = Mapping[str, Any] | None


@stop_for_a_person
def announce_notices(*said: Said) -> list[str]:
    """The ids of what left. Raises AirflowSkipException where nothing did: nobody is to be woken."""
    parcels = [parcel for each in said if each for parcel in each["parcels"]]
    if not parcels:
        raise AirflowSkipException("Nobody opted out or in again.")
    return parcels


@stop_for_a_person
def every_opt_out_upheld(said: Said, sent: Said) -> None:
    """Raises AirflowFailException naming the practices whose opt-outs could not be upheld, or that nothing was sent."""
    from source_zone import uphold_practices  # only here: the DAG processor has no zone

    uphold_practices.check_all_upheld(dict(said) if said is not None else None)
    if sent is None:
        raise AirflowFailException("Every practice was looked at, but `send_parcels` failed: it says what to mend.")
