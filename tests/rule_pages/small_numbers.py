"""The page about public figures: what is hidden, what is rounded, and why not even a nought is shown."""

from central_zone.register.disclosure_control import FEWEST_PRACTICES, MULTIPLE, THRESHOLD, controlled
from crossing.policy import Policy
from rule_pages.page import Page, table

LIMITS = "opt_outs/disclosure.toml"
_SHOWN = (0, 1, THRESHOLD, THRESHOLD + 1, 12, 13, 1_002)


def _body(policy: Policy) -> str:
    cohort = policy.table(LIMITS)["limits"]["smallest_cohort"]
    return f"""
## In short

A small figure can tell who somebody is. So in public figures about people:

- {THRESHOLD} or fewer is not shown.
- Nought is not shown either. "Nobody" can also tell something.
- Every other figure is rounded to the nearest {MULTIPLE}.
- Figures of fewer than {FEWEST_PRACTICES} practices together are not shown.
- Figures are for a calendar month that is over, not for a night. Two nights, subtracted, would tell who said no in between.
- When somebody opts in again, their whole record comes alone. Such a delivery is counted in no public figure.

## What is shown

{table(("people", "shown as"), [(f"{people:,}", controlled(people, practices=FEWEST_PRACTICES).words) for people in _SHOWN])}

*Example:* In a village practice one patient said no last week. **The register does not show it: not the one, and not the
difference between two weeks.**

## Where figures are exact

- Each practice sees its own counts in full. It holds the records itself. That account is not for publication.
- Figures about records and deliveries, not about people, are exact.

*Example:* The register says that 160,008 test results were loaded. **That is exact, and tells nothing of anybody.**

## Projects

No project gets the records of fewer than {cohort["value"]} people. {cohort["why"]} (Source: {cohort["source"]})

*Example:* A project asks about a rare illness, and 6 people have it. **It gets nothing.**

## What is certain and what is not

- Hiding {THRESHOLD} or fewer and rounding to {MULTIPLE} is what NHS England and OpenSAFELY publish about themselves.
- They show a nought as nought. We do not. That is our choice, and the more careful one.
- Each figure is rounded for itself. So totals may not add up.
"""


PAGE = Page(
    "small-numbers.md",
    "Small numbers in public figures",
    "Why a figure of 7 or fewer is never shown.",
    (LIMITS,),
    _body,
)
