"""The page about the national data opt-out: how it is looked up, how far an answer is believed, and when a use goes without it."""

from typing import Any

from crossing.policy import Policy
from rule_pages.page import Page, in_words, percent, sentence, table

CHECK, DISCLOSURE, APPROVED = "opt_outs/national.toml", "opt_outs/disclosure.toml", "opt_outs/approved_replies.csv"
USES = "data_uses/*.toml"
_IN_WORDS = {
    "recheck_after_days": "Everybody is looked up again after {} days.",
    "expires_after_days": "An answer is used for {} days at most. Then it counts for nothing.",
    "overdue_after_hours": "An answer that has not come after {} hours is given up, and a person is told.",
    "largest_request": "One question asks about {} people at most.",
    "judged_from": "An answer about {} people or more is looked at as a whole, by the two lines below.",
    "lowest_share": "It is not believed if it says that fewer than {} opted out.",
    "highest_share": "It is not believed if it says that more than {} opted out.",
}

_LIMITS = {
    "smallest_cohort": "A project about fewer than {} people gets nothing.",
    "least_share_of_practices_checked": "No project gets anything while fewer than {} of the practices have been looked up.",
}


def _body(policy: Policy) -> str:
    return f"""
## In short

The **national data opt-out** is another choice, and a separate one. You make it once, for all of the NHS in England: on the
NHS website, in the NHS App or by telephone. It says: do not use my confidential records for research and planning.

The two choices work at different places:

| | type 1 opt-out | national data opt-out |
|---|---|---|
| you tell | your GP practice | the NHS, once |
| it stops | your record from leaving the practice | your record from being **used** by a project |
| page | [opting out](opting-out.md) | this one |

*Example:* Xan made the national choice, and no type 1 opt-out. **Her record may leave the practice. No project where the choice
applies gets it.** If she wants it to stay at the practice, she must say so there.

## How your choice is looked up

Only your practice's side knows your NHS number. So it asks the national service, and nobody else does. It sends NHS numbers.
The service sends back the numbers of those who did **not** opt out. From these a list of tokens is made. The centre gets that
list, and no number.

Whoever is not on the list counts as opted out. So do people without a valid NHS number, since nobody can look them up.

*Example:* The service's answer is late. Yusuf has been on no list for a month. **No project gets his record, although he
never opted out.** That is the safer mistake.

## How far an answer is believed

{_limits(policy)}

*Example:* An answer says that nobody at all opted out, of a million people. **It is not believed, and the old list stays until it
expires.**

{_approved(policy)}

## When the choice is applied

A project must say which it is: the choice applies, or there is a reason why not. There is no default. A project that says
nothing gets nothing.

These are the grounds on which records may be given to a project at all:

{_gateways(policy)}

Only for these reasons may a project go without your choice. Each needs a paper as evidence, and the paper is named in the
public register:

{_reasons(policy)}

And no project gets anything below these limits:

{_least(policy)}

*Example:* Zoe made the national choice. A project studies hospital beds, with support under regulation 5. It names no exemption.
**Zoe's record is not in it.**

## What each project decided

{_uses(policy)}

## What is certain and what is not

{_certainty(policy)}
"""


def _limits(policy: Policy) -> str:
    rows = [
        (_IN_WORDS[name].format(_number(line["value"])), line["why"], line["source"])
        for name, line in policy.table(CHECK).items()
    ]
    return table(("rule", "why", "where it comes from"), rows)


def _approved(policy: Policy) -> str:
    rows = policy.rows(APPROVED)
    if not rows:
        return "A person may find out that a strange answer is right. No answer has been approved in this way."
    told = [(row["local_id"], row["approved_by"], row["until"], row["why"]) for row in rows]
    return "Strange answers that a person found to be right:\n\n" + table(
        ("answer", "approved by", "until", "why"), told
    )


def _least(policy: Policy) -> str:
    limits = policy.table(DISCLOSURE)["limits"].items()
    rows = [(_LIMITS[name].format(_number(line["value"])), line["why"], line["source"]) for name, line in limits]
    return table(("limit", "why", "where it comes from"), rows)


def _number(value: float) -> str:
    return percent(value) if isinstance(value, float) else f"{value:,}"


def _gateways(policy: Policy) -> str:
    rows = [(each["words"], each["why"], each["source"]) for each in policy.table(DISCLOSURE)["gateways"].values()]
    return table(("ground", "and your choice", "where it comes from"), rows)


def _reasons(policy: Policy) -> str:
    rows = [
        (each["words"], ", or ".join(_evidence(kind) for kind in each["evidence"]), each["why"], each["source"])
        for each in policy.table(DISCLOSURE)["reasons"].values()
    ]
    return table(("reason", "evidence", "why", "where it comes from"), rows)


def _evidence(kind: str) -> str:
    return in_words(kind).replace("cag ", "Confidentiality Advisory Group's ")


def _uses(policy: Policy) -> str:
    rows = []
    for path in sorted((policy.folder / "data_uses").glob("*.toml")):
        use = policy.table(f"data_uses/{path.name}")
        rows.append((use["project_title"], use["status"], _decision(policy, use)))
    return table(("project", "status", "the national data opt-out"), rows)


def _decision(policy: Policy, use: dict[str, Any]) -> str:
    if use["kind"] == "collection":
        return "This is the collection itself. It gives no record to anybody."
    decided = use["national_data_opt_out"]
    if decided["decision"] == "applies":
        return "It is applied."
    reason = policy.table(DISCLOSURE)["reasons"][decided["reason"]]
    return f"It is **not** applied. {sentence(reason['words'])}. Evidence: {decided['evidence']['reference']}."


def _certainty(policy: Policy) -> str:
    lines = [
        *policy.table(CHECK).values(),
        *(line for part in policy.table(DISCLOSURE).values() for line in part.values()),
    ]
    unsure = [each for each in lines if "memory" in each["source"] or "second hand" in each["source"]]
    ours = [each for each in lines if each["source"].startswith("Our")]
    return f"""\
- Of the {len(lines)} rules on this page, {len(unsure)} rest on memory or on what others say. Their last column says so. They must be
  looked up before real use.
- {len(ours)} are our own choice. NHS England does not prescribe them.
- That you choose on the website, in the app or by telephone is from memory.
- The national service is played by software here. No real NHS number is ever sent."""


PAGE = Page(
    "national-data-opt-out.md",
    "The national data opt-out",
    "The choice you make once for the whole NHS, and when a project must follow it.",
    (CHECK, DISCLOSURE, APPROVED, USES),
    _body,
)
