"""The page about the moments at which nothing leaves a practice, or nothing is loaded, until a person has looked."""

from string import Formatter
from typing import Any

from crossing.policy import Policy
from rule_pages.opting_out_later import COLLECTIONS, collections
from rule_pages.page import Page, percent, sentence, table
from source_zone.rules import LONGEST_STALE_DAYS

APPROVED = {"approved_deletions.csv": "large deletions", "approved_opt_outs.csv": "opt-outs that look wrong as a whole"}
PARCEL = "expectations/parcel.toml"
# One sentence for each rule; every limit in policy must stand in one of them.
_OPT_OUT_SOURCE = (
    "The newest delivery is more than {stale_after_days} days old.",
    "A whole delivery of {entries_expected_from_patients} patients or more has not one coded entry.",
    "In a practice of {objections_expected_from_patients} patients or more, nobody at all ever said no.",
    "{unreadable_at_least} or more of the entries about saying no cannot be read, and they are more than {largest_unreadable_share}.",
    "{fall_at_least} or more patients who had said no no longer do after one night, and they are more than {largest_fall}.",
)
_DELETED = (
    "More than {patients} of a practice's patients are deleted in one night.",
    "More than {rows} of the lines in one delivery are deletions.",
    "There are more than {rows_a_patient} deletions for each patient of the practice.",
)


def _body(policy: Policy) -> str:
    return f"""
## In short

When something looks wrong, nothing leaves. No news about opt-outs is not the same as no opt-outs. So a practice whose opt-outs
cannot be relied on sends **nothing at all**, until a person has found out why. The other practices go on.

*Example:* A file with half of a practice's entries is missing. The software cannot know who said no. **The practice sends nothing
that night.**

{_each_collection(policy)}

## What else stops a practice

- The delivery has a field that is on no list, or lacks a file, or was cut off.
- A delivery is older than one that was taken already.
- The practice's memory of who said no cannot be opened.
- The practice is not on the list of those that take part.

*Example:* The supplier adds a column "mobile number" without telling anybody. **The practice sends nothing, until somebody has
decided about the column.**

## What is held at the centre

A delivery that has left and arrived may still look wrong. Then it waits, and is not loaded, until a person has decided.

{_held(policy)}

{_quarantined(policy)}

## What a person may approve

What looks wrong can be right. Two practices may have become one. A small practice may have nobody who ever said no. Then a
person finds out, and writes it down, with their name and a last day.

{_approved(policy)}

## What is certain and what is not

- All these limits are our own choice. No notice names them.
- About 5 in every 100 people in England said no, as far as we remember. That must be looked up before real use.
"""


def _each_collection(policy: Policy) -> str:
    return "\n\n".join(_collection(each) for each in collections(policy))


def _collection(collection: dict[str, Any]) -> str:
    opt_outs = _list(_OPT_OUT_SOURCE, collection["opt_out_source"])
    deleted = _list(_DELETED, collection["largest_deleted_share"])
    return f"""
## When opt-outs cannot be relied on: {collection["title"]}

Nothing leaves the practice when any of these is so:

{opt_outs}

{_stale(collection["opt_out_source"]["stale_after_days"])}

*Example:* Ten patients of a practice had said no. After one night none of them has. **The practice is stopped: a code was probably
lost.**

## When too much is deleted at once

A night that deletes a large part of a practice stops it too. It may be a mistake, and it would empty the record:

{deleted}

*Example:* A supplier sends "deleted" for half of a practice's patients. **The practice is stopped, until somebody has asked the
supplier.**"""


def _stale(days: int) -> str:
    if days <= LONGEST_STALE_DAYS:
        return ""
    return (
        f"The first limit is this long only because the made-up nights have made-up dates. For real practices the software "
        f"refuses more than {LONGEST_STALE_DAYS} days."
    )


def _list(sentences: tuple[str, ...], limits: dict[str, Any]) -> str:
    """A limit of policy that no sentence tells is an error: nobody could read of it."""
    told = {name for sentence in sentences for _, name, _, _ in Formatter().parse(sentence) if name}
    if told != set(limits):
        raise KeyError(f"This page does not tell of {sorted(set(limits) ^ told)}.")
    numbers = {name: _number(limit) for name, limit in limits.items()}
    return "\n".join(f"- {sentence.format(**numbers)}" for sentence in sentences)


def _number(limit: float) -> str:
    return percent(limit) if isinstance(limit, float) else f"{limit:,}"


def _held(policy: Policy) -> str:
    rules = policy.table(PARCEL)["rule"]
    held, counted = (
        [(sentence(rule["id"]), rule["why"]) for rule in rules if (rule["severity"] == "hold_parcel") == waits]
        for waits in (True, False)
    )
    heads = ("what looks wrong", "why it matters")
    return table(heads, held) + ("\n\nThese are only counted:\n\n" + table(heads, counted) if counted else "")


def _quarantined(policy: Policy) -> str:
    told = [
        f"A delivery also waits when more than {percent(each['largest_quarantined_share'])} of its records break a rule "
        f"({each['title']}). Those rules are on [why a record stays](why-a-record-stays.md)."
        for each in collections(policy)
    ]
    return "\n\n".join(told)


def _approved(policy: Policy) -> str:
    return "\n\n".join(_approved_in(policy, file, what) for file, what in APPROVED.items())


def _approved_in(policy: Policy, file: str, what: str) -> str:
    rows = policy.rows(file)
    if not rows:
        return f"Of {what}, none is approved today."
    told = [(row["practice_code"], row["extract_id"], row["approved_by"], row["until"], row["why"]) for row in rows]
    return f"Approved {what}:\n\n" + table(("practice", "delivery", "by", "until", "why"), told)


PAGE = Page(
    "when-a-practice-is-stopped.md",
    "When a practice is stopped",
    "What must look wrong for nothing to leave, until a person has found out why.",
    (COLLECTIONS, *APPROVED, PARCEL),
    _body,
)
