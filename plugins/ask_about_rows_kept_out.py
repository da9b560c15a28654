"""The question to a data steward about rows in quarantine, and the answer: rules, counts and codes, never a value.

Whoever starts the run only says which practice is meant. Who answers, decides: Airflow knows who that is, asks for a permission
that stewards alone have, and the form has what there is to choose from beside how many rows it is about.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException

from ask_the_steward import ReasonMissing
from crossing.canonical import TABLES

RELEASE, DISCARD, LEAVE = "Release them", "Discard them", "Leave them"
OUTCOMES = {RELEASE: "released", DISCARD: "discarded"}
MOST_QUESTIONS = 40
REASON = {"reason": Param("", type="string", title="Reason", description="Kept in the audit chain. Name nobody.")}
WHICH = {
    "practice_code": Param(
        type="string", pattern=r"^[A-Z]\d{5}$", title="Practice", description="Its code, as Y99001."
    ),
    "table_name": Param("", type="string", enum=["", *TABLES], title="Table", description="Empty: every table."),
    "rule_id": Param(
        "", type="string", pattern="^([a-z][a-z0-9_]{0,59})?$", title="Rule", description="Empty: every rule."
    ),
}


def questions(lines: Sequence[Any]) -> list[dict[str, Any]]:
    """One for each line; where they are many, for the first, each of which says so. Raises AirflowSkipException where there is none."""
    if not lines:
        raise AirflowSkipException("Nothing of it waits in quarantine.")
    return [question_about(line, not_asked=len(lines) - MOST_QUESTIONS) for line in lines[:MOST_QUESTIONS]]


def that_may_be_released(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_without_answer(each) for each in questions if each["may_be_released"]]


def that_may_not(questions: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [_without_answer(each) for each in questions if not each["may_be_released"]]


def _without_answer(question: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in question.items() if name != "may_be_released"}


def question_about(line: Any, *, not_asked: int = 0) -> dict[str, Any]:
    """The words of one question about a central_zone.quarantine_lines.Line, and the rows it is about."""
    rules = " and ".join(line.rule_ids)
    may = line.why_not_released is None
    body = (
        f"**{line.practice_code}**: {line.rows} rows of `{line.table_name}` broke **{rules}** and no other rule, "
        f"in {_parcels(line.sequences)}.\n\n{_what_may_be_done(line)}\n\n"
        f"*{DISCARD}*: they stay out for good. *{LEAVE}*: nothing changes.\n\n"
        f"Why the rule is there, and how often it is broken: the page Quality of records."
    )
    if not_asked > 0:
        body += f"\n\n{not_asked} more questions about {line.practice_code} are not asked: once these are answered, start this again."
    return {
        "rows": {
            "parcel_ids": list(line.parcel_ids),
            "table_name": line.table_name,
            "rule_ids": list(line.rule_ids),
        },
        "subject": f"{line.practice_code}: {line.table_name}, {rules}?",
        "body": body,
        "may_be_released": may,
    }


def _parcels(sequences: Sequence[int]) -> str:
    if len(sequences) == 1:
        return f"parcel {sequences[0]}"
    return f"{len(sequences)} parcels, from {min(sequences)} to {max(sequences)}"


def _what_may_be_done(line: Any) -> str:
    if line.why_not_released is not None:
        return f"They may not be released: {line.why_not_released}"
    gone = (
        f" Of {line.gone} of the parcels only tokens are left: those rows can only be discarded." if line.gone else ""
    )
    return f"*{RELEASE}*: they are loaded from the sealed parcels after all.{gone}"


def decision_on(rows: Mapping[str, Any], answer: Mapping[str, Any] | None) -> dict[str, Any]:
    """What the steward said of these rows, as quarantine_decide.decide_on_each takes it.

    Raises ReasonMissing; AirflowSkipException where they are to be left.
    """
    if not answer:
        raise ReasonMissing("Nobody answered: the question was marked as done. Clear it to have it asked again.")
    (chosen,) = answer["chosen_options"]
    if chosen == LEAVE:
        raise AirflowSkipException("They are left where they are.")
    reason = (answer["params_input"].get("reason") or "").strip()
    if not reason:
        raise ReasonMissing("Say why: a decision without a reason is not kept. Clear the question to be asked again.")
    return {**rows, "outcome": OUTCOMES[chosen], "by": answer["responded_by_user"]["name"], "reason": reason}
