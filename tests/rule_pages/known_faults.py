"""The page about faults that records are known to have, what looks for each, and which numbers are believed."""

from typing import Any

from crossing.policy import Policy
from rule_pages.page import Page, in_words, sentence, table

FAULTS = "known_faults.toml"
MEASUREMENTS = "measurements.csv"
CODELISTS = (
    *("codelists/pregnancy.csv", "codelists/prostate_cancer.csv", "codelists/ethnicity.csv"),
    *("codelists/local_codes.csv", "codelists/lsoa_editions.csv"),
)


def _body(policy: Policy) -> str:
    faults = policy.table(FAULTS)["fault"]
    return f"""
## In short

GP records have faults. People who study them have found many, and have written them down. We look for each of them. Some can
be found at the centre, where no names are. Some cannot. Then we say why.

*Example:* A record is dated in the year 2919. **It is set aside, and counted.**

## What is known to go wrong

{_faults(faults)}

Eight of these have numbers. They are the rules of the BHF Data Science Centre, which studies hearts.

*Example:* A code for pregnancy stands in the record of a man. **It is counted and kept, since it can be true.**

## Which numbers are believed

A measurement has a code, a number and a unit. Each code has its units and its limits. A number that no living person can have
is set aside. A rare one is only counted.

{_measurements(policy.rows(MEASUREMENTS))}

*Example:* Somebody's blood pressure is 900. **The entry is set aside.** Somebody's is 300. **It is kept, and counted as rare.**

## Which codes are looked at

{_codelists(policy)}

## What is certain and what is not

- The faults are real, and others found them.
- The limits of the measurements are our own. A clinician must look at them before any real use.
- The lists of codes are from memory, or short. National lists must take their place.
"""


def _faults(faults: list[dict[str, Any]]) -> str:
    rows = [
        (
            each["problem"] + (f" (BHF {each['bhf']})" if "bhf" in each else ""),
            each["seen"],
            ", ".join(in_words(rule) for rule in each["rules"]) or "nothing",
            each["why"],
        )
        for each in faults
    ]
    return table(("what goes wrong", "where it was seen", "what looks for it", "what to know"), rows)


def _measurements(rows: list[dict[str, str]]) -> str:
    told = [
        (
            row["what"],
            row["units"].replace("|", " or "),
            f"{row['plausible_least']} to {row['plausible_most']}",
            f"{row['impossible_least']} to {row['impossible_most']}",
            row["source"],
        )
        for row in rows
    ]
    return table(("measurement", "unit", "usual", "possible", "who says so"), told)


def _codelists(policy: Policy) -> str:
    return "\n\n".join(_codelist(policy, name) for name in CODELISTS)


def _codelist(policy: Policy, name: str) -> str:
    rows = policy.rows(name)
    heads = list(rows[0])
    title = sentence(name.removeprefix("codelists/").removesuffix(".csv"))
    return f"### {title}\n\n" + table(
        [in_words(head) for head in heads], [[row[head] for head in heads] for row in rows]
    )


PAGE = Page(
    "known-faults.md",
    "Faults that records are known to have",
    "What others found wrong with GP records, and what looks for it here.",
    (FAULTS, MEASUREMENTS, *CODELISTS),
    _body,
)
