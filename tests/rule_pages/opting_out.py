"""The page about the type 1 opt-out: each clause of the rule, with an example; those about dates are run by the rule itself."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from crossing.policy import Policy
from rule_pages.page import Page, count_of, day, sentence, table
from source_zone.opt_outs import ConsentEntry

RULE, CODES = "opt_outs/type_one.toml", "codelists/type_one_opt_out.csv"
NO, TAKEN_BACK = "dissent", "withdrawal"
TODAY = date(2026, 9, 1)
_SYSTEMS = {"snomed": "SNOMED CT", "read_v2": "Read version 2", "ctv3": "Read version 3 (CTV3)"}
_MEANINGS = {
    NO: "No (a dissent)",
    TAKEN_BACK: "The no is taken back (a withdrawal)",
    "type_two_dissent": "Old type 2 no: counted, not obeyed",
    "type_two_withdrawal": "Old type 2 no taken back: counted, not obeyed",
}


@dataclass(frozen=True, slots=True)
class Example:
    """A story and how it ends. `entries` are for the rule itself: a test holds `stays` against what the rule says."""

    story: str
    stays: bool
    entries: tuple[ConsentEntry, ...] = ()


def _entry(meaning: str, on: date | None, at: datetime | None = None) -> ConsentEntry:
    return ConsentEntry(meaning, on, at)


EXAMPLES = {
    "a_dissent_counts_wherever_it_is_written": Example(
        "Asha says no. Her practice writes it on her referral, with an old code. It is still a no.", stays=True
    ),
    "a_withdrawal_must_be_beyond_doubt": Example(
        "Ben said no. Later a to-do note says: ask Ben if he has changed his mind. Nothing has been taken back.",
        stays=True,
    ),
    "a_withdrawal_must_be_the_last_word_on_its_entry": Example(
        "Cara said no. Then an entry took it back, by mistake. The practice deletes that entry. Cara's no counts again.",
        stays=True,
    ),
    "a_deleted_or_corrected_dissent_ends": Example(
        "Dev never said no. It was written in his record by mistake, and the practice deletes it.", stays=False
    ),
    "the_latest_date_wins": Example(
        "Ella said no on 3 March. On 5 May she took it back.",
        stays=False,
        entries=(_entry(NO, date(2026, 3, 3)), _entry(TAKEN_BACK, date(2026, 5, 5))),
    ),
    "a_tie_goes_to_the_dissent": Example(
        "Femi's record has both for 3 March, and no times. Nobody can tell which came last.",
        stays=True,
        entries=(_entry(NO, date(2026, 3, 3)), _entry(TAKEN_BACK, date(2026, 3, 3))),
    ),
    "an_entry_without_a_date": Example(
        "Grace's no has no date. Taking it back is dated 5 May. Her no may be the newer one.",
        stays=True,
        entries=(_entry(NO, None), _entry(TAKEN_BACK, date(2026, 5, 5))),
    ),
    "an_entry_dated_in_the_future": Example(
        "Today is 1 September. Hari's no is from March. Taking it back is dated next January, by a slip of the pen.",
        stays=True,
        entries=(_entry(NO, date(2026, 3, 3)), _entry(TAKEN_BACK, date(2027, 1, 3))),
    ),
    "a_date_of_which_only_part_is_known": Example(
        "Isla's no is from May, day unknown. She took it back on 10 May. Her no is read as from 31 May.",
        stays=True,
        entries=(_entry(NO, date(2026, 5, 31)), _entry(TAKEN_BACK, date(2026, 5, 10))),
    ),
    "every_registration_of_the_person": Example(
        "Jay left the practice and came back. His no is in the old record. Both records stay.", stays=True
    ),
    "type_two_codes_are_counted_and_not_obeyed": Example(
        "Kim has an old type 2 code from 2015 and nothing else. See [the national data opt-out](national-data-opt-out.md).",
        stays=False,
    ),
    "what_cannot_be_read_stays": Example(
        "Lena's date of birth cannot be read. Nobody can be sure whose record it is.", stays=True
    ),
}


def versions(policy: Policy) -> list[dict[str, Any]]:
    found = policy.table(RULE)["version"]
    return [dict(each) for each in found]


def _body(policy: Policy) -> str:
    newest = versions(policy)[-1]
    clauses = "\n\n".join(_clause(name, clause) for name, clause in newest["clauses"].items())
    return f"""
## In short

You can say no. It is called a **type 1 opt-out**. It means: my record does not leave my GP practice, unless it is for my
own care.

You say it to your GP practice. The practice puts a code in your record. Before anything leaves, software at the practice
looks for that code. If your no is in force, nothing about you leaves. Not your name, not a number, not a token. (A
token is a scrambled code in place of a number that names you.)

You can change your mind at any time, in both directions. See [opting out later](opting-out-later.md).

## The rule, point by point

This is version {newest["number"]} of the rule. It counts from {day(newest["in_force_from"])}.

{clauses}

## Why the rule is as it is

{newest["why"]}

Approved by: {newest["approved_by"]}

{_older(policy)}

## The codes

{_codes(policy)}

## What is certain and what is not

{_certainty(policy)}
"""


def _clause(name: str, clause: dict[str, str]) -> str:
    example = EXAMPLES[name]
    ends = "The record stays at the practice." if example.stays else "This does not keep the record at the practice."
    return (
        f"### {sentence(name)}\n\n{clause['says']}\n\n*Example:* {example.story} **{ends}**\n\n"
        f"*Why:* {clause['why']} (Source: {clause['source']}.)"
    )


def _older(policy: Policy) -> str:
    older = versions(policy)[:-1]
    if not older:
        return "There is no earlier version."
    told = [f"- Version {each['number']}, from {day(each['in_force_from'])}: {each['why']}" for each in older]
    return "Earlier versions:\n\n" + "\n".join(told)


def _codes(policy: Policy) -> str:
    rows = [
        (_MEANINGS[row["meaning"]], _SYSTEMS[row["scheme"]], f"`{row['code']}`", _sure(row), row["why"])
        for row in policy.rows(CODES)
    ]
    return table(("what it says", "list of codes", "code", "how sure", "note"), rows)


def _sure(row: dict[str, str]) -> str:
    return {"seen": "seen in a public source", "memory": "**from memory**"}[row["certainty"]]


def _certainty(policy: Policy) -> str:
    rows = policy.rows(CODES)
    from_memory = [row for row in rows if row["certainty"] == "memory"]
    return f"""\
- The rule was written for this demonstration. The notice of 2021 did not say what to do with ties, missing dates or mistakes.
- {count_of(len(rows), "code is", "codes are")} listed. {count_of(len(from_memory), "is", "are")} from memory. They must be
  looked up in the official lists before any real record is read.
- If a code is wrong, a no could be missed. So a practice where nobody at all seems to have said no is stopped. See
  [when a practice is stopped](when-a-practice-is-stopped.md)."""


PAGE = Page(
    "opting-out.md",
    "Opting out: saying no at your GP practice",
    "The type 1 opt-out: what counts as a no, and what takes it back.",
    (RULE, CODES),
    _body,
)
