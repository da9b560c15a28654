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
def ask_another(decided: Mapping[str, Any], task: Any = None, outlet_events: Any = None) -> int:
    """Where it takes two and one has approved, the question is asked again. Raises AirflowSkipException where it is decided."""
    if decided["state"] != "held":
        raise AirflowSkipException("It is decided.")
    outlet_events[task.outlets[0]].extra = {"parcels": [dict(decided)]}
    return 1


@stop_for_a_person
def questions(
    collection: str, triggering_asset_events: Mapping[Any, Iterable[Any]] | None = None
) -> list[dict[str, str]]:
    """One question for each parcel that the events name and the ledger still holds; started by hand, for all that it holds.

    An event only says which parcel: its words are the ledger's, so that nobody is asked about another than they think.
    """
    from central_zone import load_parcel, settings  # only here: the DAG processor has no zone

    events = [event for found in (triggering_asset_events or {}).values() for event in found]
    named = [parcel["parcel_id"] for event in events for parcel in event.extra.get("parcels", [])]
    return [question_about(held) for held in load_parcel.held(collection, named if events else None, settings.load())]


def decision_in(answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the steward chose, as load_parcel.decide takes it. Raises ReasonMissing."""
    if not answer:
        raise ReasonMissing(
            "Nobody answered: the question was marked as done. Clear `steward_decides` to ask it again."
        )
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


def question_about(held: Any) -> dict[str, str]:
    """The words of one question about a central_zone.decisions.held.Held."""
    where = f"{held.practice_code}, parcel {held.sequence}"
    usual = f", usually {held.usual_rows:,}" if held.usual_rows is not None else ": the practice's first"
    body = (
        f"**{where}** is held: {held.because}\n\n"
        f"It has {held.rows:,} rows of records{usual}. {_who_may(held)}\n\n"
        f"*{APPROVE}*: the rows that broke no rule are loaded with the next load. "
        f"*{REFUSE}*: none of it ever is, and the practice's later parcels go on without it.\n\n"
        f"Parcel {held.parcel_id}. What was found, by rule and beside earlier parcels: the page Decisions."
    )
    return {"parcel_id": held.parcel_id, "subject": f"Load {where}?", "body": body}


def _who_may(held: Any) -> str:
    if held.people == 0:
        return "**It may be loaded by nobody: refuse it.**"
    if held.people == 1:
        return "One steward decides."
    if held.first is None:
        return "To load it takes two stewards; you would be the first."
    return f"To load it takes two stewards: **{held.first.by}** approved ({held.first.reason}). Now **another** must."
