"""The question to a data steward about a held parcel, and the answer: counts, codes and our own words, never a value."""

from collections.abc import Iterable, Mapping
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from crossing.errors import PersonMustAct
from results_of_shards import Results, each_result
from stop_for_a_person import stop_for_a_person

APPROVE, REFUSE = "Load it", "Refuse it"
# An empty default makes the form insist; one that breaks a length rule would make the task fail before it asks.
REASON = {"reason": Param("", type="string", title="Reason", description="Kept in the audit chain. Name nobody.")}


class ReasonMissing(PersonMustAct):
    """A decision was sent without saying why."""


@stop_for_a_person
def announce_held_parcels(results: Results, task: Any = None, outlet_events: Any = None) -> int:
    """How many parcels are held; their event says which. Raises AirflowSkipException where none is."""
    held = [parcel for parcel in each_result(results) if parcel["state"] == "held"]
    if not held:
        raise AirflowSkipException("No parcel is held.")
    outlet_events[task.outlets[0]].extra = {"parcels": held}
    return len(held)


@stop_for_a_person
def questions(triggering_asset_events: Mapping[Any, Iterable[Any]] | None = None) -> list[dict[str, str]]:
    """One question for each parcel that the events say is held, each parcel once."""
    events = [event for found in (triggering_asset_events or {}).values() for event in found]
    held = {parcel["parcel_id"]: parcel for event in events for parcel in event.extra.get("parcels", [])}
    return [_question(parcel) for parcel in held.values()]


def decision_in(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What the steward chose, as load_parcel.decide takes it. Raises ReasonMissing."""
    reason = (answer["params_input"].get("reason") or "").strip()
    if not reason:
        raise ReasonMissing(
            "Say why: a decision without a reason is not kept. Clear `steward_decides` to be asked again."
        )
    return {
        "approve": answer["chosen_options"] == [APPROVE],
        "by": answer["responded_by_user"]["name"],
        "reason": reason,
    }


def _question(parcel: Mapping[str, Any]) -> dict[str, str]:
    where = f"{parcel['practice_code']}, parcel {parcel['sequence']}"
    body = (
        f"**{where}** is held: {parcel['reason']}\n\n"
        f"*{APPROVE}*: the rows that broke no rule are loaded with the next load. "
        f"*{REFUSE}*: none of it ever is, and the practice's later parcels go on without it.\n\n"
        f"Parcel {parcel['parcel_id']}. What was found, by rule: `gp-central ledger`."
    )
    return {"parcel_id": parcel["parcel_id"], "subject": f"Load {where}?", "body": body}
