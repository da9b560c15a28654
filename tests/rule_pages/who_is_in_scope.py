"""The page about whose records may leave, and how old they may be."""

from collections import Counter
from datetime import date
from typing import Any

from crossing.policy import Policy
from rule_pages.opting_out_later import COLLECTIONS, collections
from rule_pages.page import Page, count_of, day, in_words, table

PRACTICES = "practices.csv"
_KINDS = {
    "regular": "patients who are registered with the practice in the usual way",
    "temporary": "visitors, who are registered for a short time",
    "private": "private patients",
    "emergency": "patients seen in an emergency",
    "immediately_necessary": "patients who needed care at once",
    "walk_in": "patients who walked in",
}
_TABLES = {"medication": "Medicines", "referral": "Referrals", "appointment": "Appointments"}


def _body(policy: Policy) -> str:
    return "\n\n".join(
        [
            "## In short\n\nNot everybody's records may leave, and not all of a record. The rules differ by collection. "
            "Saying no comes first: see [opting out](opting-out.md).",
            *(_collection(each) for each in collections(policy)),
            _never(),
            _practices(policy),
            "## What is certain and what is not\n\n"
            "- The start date and the ten years are from the privacy notice of 2021 for the real collection, which was withdrawn.\n"
            "- That only patients registered in the usual way count is our reading of it. A real notice would have to say so.",
        ]
    )


def _collection(collection: dict[str, Any]) -> str:
    start: date = collection["start_date"]
    kinds = "\n".join(f"- {_KINDS[each]}" for each in collection["scope_registration_types"])
    older = [(_TABLES[name], f"{years} years") for name, years in collection["look_back_years"].items()]
    years = max(collection["look_back_years"].values())
    return f"""
## {collection["title"]}

Status: {collection["status"]}.

**From when.** You must have been registered on {day(start)} or later. If you left your practice or died before that day,
nothing about you leaves.

*Example:* Pia left her practice the day before {day(start)}. **Her record stays.** Quinn died the day after it. **Quinn's
record may leave**, unless Quinn had said no.

**Which patients.** Only these:

{kinds}

*Example:* Rosa was on holiday and saw a GP there once. She is a visitor there. **What that practice wrote about her stays.**

**How far back.** Some kinds of entry may not be older than this:

{table(("kind of entry", "at most"), older)}

Everything else in the record may leave whatever its age, for example a diagnosis of 1985.

*Example:* Sam was given a medicine {years + 1} years ago. **That entry stays.** His asthma, found in the same year, may leave."""


def _never() -> str:
    return """## Who never leaves, whatever the collection

- **Anybody whose record is marked as confidential or protected**, or whose mark cannot be read.
- **Test patients**, who are not people.
- **Anybody whose own details cannot be read**, since nobody can then be sure of the rest.

*Example:* Tess is protected because somebody is looking for her. **Nothing about her leaves.**"""


def _practices(policy: Policy) -> str:
    rows = policy.rows(PRACTICES)
    by_supplier = Counter(row["supplier"] for row in rows)
    made_up = sum(row["synthetic"] == "yes" for row in rows)
    return (
        f"## Which practices take part\n\n{count_of(len(rows), 'practice is', 'practices are')} listed. "
        f"{made_up:,} of them are made up. A practice that is not listed sends nothing.\n\n"
        + table(("supplier of the practice's system", "practices"), sorted(by_supplier.items()))
    )


def words_without_a_meaning(policy: Policy) -> list[str]:
    """For the test: every kind of registration has its words here."""
    return [
        in_words(each) for each in policy.table("vocabularies.toml")["registration_type"]["words"] if each not in _KINDS
    ]


PAGE = Page(
    "who-is-in-scope.md",
    "Whose records may leave, and how far back",
    "The first day, which patients, how old an entry may be, and which practices.",
    (COLLECTIONS, PRACTICES),
    _body,
)
