"""The page about re-identification: when somebody may ask who you are, who decides, and who is told."""

from crossing.case_rules import RULES, read_case_rules
from crossing.policy import Policy
from rule_pages.page import Page, count_of, in_words, table


def _body(policy: Policy) -> str:
    rules, said = read_case_rules(policy), policy.table(RULES)
    return f"""
## In short

The store does not know who you are. In a few cases your own practice must be told that something concerns you. Then:

- {count_of(rules.approvers, "person", "people")} must approve it, by name, each with a key of their own. Who asks cannot approve.
- A case is about {count_of(rules.people_a_case, "person", "people")} at most.
- It must be carried out within {count_of(rules.longest_expiry_in_days, "day", "days")}, and only once.
- **Only your own practice is told.** Nobody at the centre, and none of those who asked, learns who you are.
- If you opted out, your practice is not told either: nothing of you is used.

*Example:* A study finds a dangerous result for somebody it knows only as a code. Two named people approve the question. The
practice where that patient is registered gets the patient's number. **The study gets no answer at all.**

## For what it may be asked

{table(("reason", "why it is allowed"), [(each["in_words"], each["why"]) for each in said["purposes"].values()])}

## Of which projects

{table(("project", "why"), [(in_words(name), each["why"]) for name, each in said["uses"].items()])}

*Example:* A company would like to know the names behind a project's codes. **That is none of the reasons, and is refused.**

## Why these limits

{table(("limit", "why", "who says so"), [_limit(name, said[name]) for name in ("approvers", "people_a_case", "longest_expiry_in_days")])}

*Example:* One approver signs twice, with two keys. **That is one person, and the case is refused.**

## How it can work at all

{_escrow(said["escrow"])} (Source: {said["escrow"]["source"]})

The register says how many cases there were, for what, and how many were refused. It never says at which practice.

## What is certain and what is not

- Both zones check every rule on this page for themselves. Neither can do it alone.
- The numbers above are our choice. Practices and patients have not been asked yet.
- No case has been carried out on real records. There are none here.
"""


def _limit(name: str, limit: dict[str, object]) -> tuple[object, ...]:
    return f"{in_words(name)}: {limit['value']}", limit["why"], limit["source"]


def _escrow(escrow: dict[str, object]) -> str:
    kept = (
        "is kept, locked: only a named custodian outside both organisations has the key"
        if escrow["kept"]
        else "is not kept"
    )
    return f"What leads from a code of the store back to your practice's {kept}. {escrow['why']}"


PAGE = Page(
    "who-you-are.md",
    "When somebody may ask who you are",
    "Two people must approve, and only your practice is told.",
    (RULES,),
    _body,
)
