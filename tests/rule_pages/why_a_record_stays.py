"""The page with every reason for which a patient or an entry stays at the practice, or is set aside at the centre."""

from crossing.canonical import TABLES
from crossing.policy import Policy
from crossing.reasons import REASONS_IN_WORDS
from rule_pages.page import Page, in_words, sentence, table
from source_zone.minimise import _QUARANTINE_RULES as FAULTS

# Reasons that hold back everything of a patient; those in FAULTS and the rest are about one entry.
OF_PATIENTS = (
    "type_one_opt_out",
    "confidential_patient",
    "test_patient",
    "left_before_start",
    "died_before_start",
    "registration_out_of_scope",
    "awaits_whole_record",
    "unreadable_patient_record",
)
COUNTED_ONLY = ("type_two_dissent", "type_two_withdrawal")
RULES = tuple(f"expectations/{name}.toml" for name in TABLES)
_WHAT_FOLLOWS = {
    "drop_row": "The record is set aside and not loaded.",
    "hold_parcel": "The whole delivery waits for a person.",
    "warn": "It is only counted.",
}


def _body(policy: Policy) -> str:
    of_entries = [name for name in REASONS_IN_WORDS if name not in (*OF_PATIENTS, *COUNTED_ONLY) and name not in FAULTS]
    counted_only = [name for name in COUNTED_ONLY if name in REASONS_IN_WORDS]
    return f"""
## In short

Every entry that is read is counted. It left, or it stayed for a reason, or it was faulty. The three add up to what was read, for
every kind of entry, every night. Nothing vanishes without a count.

*Example:* A practice's night has 1,000 test results. 940 left, 50 stayed because of opt-outs, and 10 were faulty.
**940 + 50 + 10 = 1,000.**

The public sees these counts in the register. Small ones are hidden: see [small numbers](small-numbers.md). Each practice sees
its own counts in full.

## Reasons that hold back a whole patient

{_told(OF_PATIENTS)}

The first reason that applies is the one that is counted. Somebody who opted out and is marked confidential counts as confidential.

## Reasons that hold back one entry

{_told(of_entries)}

*Example:* An appointment that nobody booked is about no patient. **It stays.**

## Faults that hold back one entry

{_told(sorted(FAULTS))}

*Example:* A blood test is dated the 32nd of March. **It stays, and is counted as a date that cannot be read.**

{_counted_only(counted_only)}

## Rules that are looked at once more at the centre

What has left is checked again before it is loaded. The centre knows no names. It keeps a count and the rule that was broken,
and the record's token.

{_rules(policy)}

*Example:* A record is dated next year. **It is set aside and not loaded.**

## What is certain and what is not

- All these reasons are ours, made for this demonstration. The notice of 2021 names opt-outs, the first day, the ten years and the
  codes that the law protects.
"""


def _told(names: list[str] | tuple[str, ...]) -> str:
    rows = [(f"`{name}`", REASONS_IN_WORDS[name][:1].upper() + REASONS_IN_WORDS[name][1:]) for name in names]
    return table(("name", "in words"), rows)


def _counted_only(names: list[str]) -> str:
    if not names:
        return ""
    return f"## Counted, and neither obeyed nor held back\n\n{_told(names)}"


def _rules(policy: Policy) -> str:
    where: dict[tuple[str, str, str], list[str]] = {}
    for file in RULES:
        for rule in policy.table(file)["rule"]:
            table_name = file.removeprefix("expectations/").removesuffix(".toml")
            where.setdefault((rule["id"], rule["why"], rule["severity"]), []).append(in_words(table_name))
    rows = [
        (sentence(rule), why, _WHAT_FOLLOWS[severity], ", ".join(tables))
        for (rule, why, severity), tables in sorted(where.items())
    ]
    return table(("rule", "why it is there", "what follows", "kinds of record"), rows)


PAGE = Page(
    "why-a-record-stays.md",
    "Why a record stays at the practice",
    "Every reason, by the name under which it is counted.",
    RULES,
    _body,
)
