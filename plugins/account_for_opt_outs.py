"""What upholding opt-outs came to, at both ends: a run is green only when every practice's was upheld, and it was sent."""

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from stop_for_a_person import stop_for_a_person

Said = Mapping[str, Any] | None


TRIED_BEFORE = "tried_before"


def noting_tries(said: Mapping[str, Any], task_instance: Any) -> dict[str, Any]:
    """What a task has to say, and whether it was begun before: what left then it does not know, and nobody was told of it."""
    return {**said, TRIED_BEFORE: task_instance.try_number > 1}


@stop_for_a_person
def announce_notices(*said: Said) -> list[str]:
    """The ids of what left. Raises AirflowSkipException where nothing did, nor can have: nobody is to be woken."""
    told = [each for each in said if each]
    parcels = [parcel for each in told for parcel in each["parcels"]]
    if not parcels and not any(each.get(TRIED_BEFORE) for each in told):
        raise AirflowSkipException("Nobody opted out or in again.")
    return parcels


@stop_for_a_person
def every_opt_out_upheld(said: Said, sent: Said, asked: Said, answers: Said) -> None:
    """Raises AirflowFailException naming the practices whose opt-outs could not be upheld, or the step that failed."""
    from source_zone import uphold_practices  # only here: the DAG processor has no zone

    uphold_practices.check_all_upheld(dict(said) if said is not None else None)
    steps = {"send_parcels": sent, "ask_the_national_service": asked, "take_its_answers": answers}
    if failed := [name for name, result in steps.items() if result is None]:
        raise AirflowFailException(
            f"Every practice was looked at, but {', '.join(failed)} failed: it says what to mend."
        )


@stop_for_a_person
def announce_notices_taken(said: Said) -> list[str]:
    """The ids of the notices acted on now. Raises AirflowSkipException where there is none, nor can have been: nobody is to be
    woken."""
    told = said or {}
    taken = [each["parcel_id"] for each in told.get("notices", ()) if each["state"] == "applied"]
    if not taken and not told.get(TRIED_BEFORE):
        raise AirflowSkipException("No notice was acted on.")
    return taken


@stop_for_a_person
def every_notice_taken(said: Said, fetched: Said) -> int:
    """Raises AirflowFailException with what the others say, or where `fetched` is nothing: then the fetch failed."""
    from central_zone import take_notices

    taken = take_notices.check_all_taken([dict(each) for each in said["notices"]] if said is not None else None)
    if fetched is None:
        raise AirflowFailException("What was here is acted on, but `fetch_parcels` failed: it says what to mend.")
    return taken
