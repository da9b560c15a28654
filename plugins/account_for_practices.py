"""What a collection's run as a whole came to: Airflow alone calls a run green when only its last task is."""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from results_of_shards import Results, each_result, members_of, standing_results
from stop_for_a_person import stop_for_a_person

_SEALS = "each_shard.pseudonymise"


@stop_for_a_person
def announce_parcels(results: Results) -> list[str]:
    """The ids of the parcels sealed. Raises AirflowSkipException where there is none: nobody is to be woken."""
    parcels = [parcel for practice in each_result(results) for parcel in practice["parcels"]]
    if not parcels:
        raise AirflowSkipException("No parcel was sealed.")
    return parcels


@stop_for_a_person
def send_parcels(collection: str) -> dict[str, Any]:
    """Where parcels go to central over MESH, sends them; then looks at the suppliers' mailboxes, whoever was due."""
    from source_zone import mailboxes, send, settings  # only here: the DAG processor has no zone

    loaded = settings.load()
    sent = send.send_parcels(collection, loaded)
    mailboxes.check(mailboxes.look(loaded))
    return sent


@stop_for_a_person
def every_practice_collected(
    shards: Iterable[Iterable[str]] | None, results: Results, sent: Mapping[str, Any] | None, ti: Any = None
) -> int:
    """How many practices were collected. Raises AirflowFailException naming those of `shards` without a result.

    `sent` is what `send_parcels` gave: nothing where it failed. Within a run the results that count are those that stand.
    """
    due = set(members_of(shards))
    counted = results if ti is None else standing_results(_SEALS, list(shards or ()), ti)
    collected = {result["practice_code"] for result in each_result(counted) if result["state"] != "failed"}
    if missing := sorted(due - collected):
        raise AirflowFailException(
            f"{len(missing)} of {len(due)} practices were not collected: {' '.join(missing)}. They stay due, and their "
            "window is taken next time. The failed task of each, in this run, says what to mend."
        )
    if sent is None:
        raise AirflowFailException("Every practice was collected, but `send_parcels` failed: it says what to mend.")
    return len(collected)
