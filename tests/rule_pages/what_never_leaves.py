"""The page about what stays at the practice whoever the patient is: fields, restricted codes, identifiers, words."""

from collections import Counter

from crossing.policy import Policy
from rule_pages.fields import ACTIONS, DECIDE, DROP, FORMATS, GENERALISE, KEEP, TOKEN, fields_of
from rule_pages.page import Page, count_of, in_words, sentence, table

RESTRICTED, IDENTIFYING = "codelists/legally_restricted.csv", "codelists/identifier_valued.csv"
SHAPES, WORDS, AREAS = "code_shapes.toml", "vocabularies.toml", "codelists/postcode_lsoa.csv"
UNDECIDED, SAID = "fields/ignore_until.csv", "data_uses/gpdpr.toml"
WHO_MARKS = ("tpp_csv_practices.csv", "gpdpr_xml_practices.csv")
_LAWS = {
    "HFE Act": "Human Fertilisation and Embryology Act (fertility treatment)",
    "Gender Recognition Act": "Gender Recognition Act (the history of a person's gender)",
}
_SURE = {
    "seen": "seen in a public source",
    "memory": "**from memory**",
    "stand_in": "**made up**, until the real code is known",
}


def _body(policy: Policy) -> str:
    return f"""
## In short

A record has many fields. Each field of each format is on a list, with a reason. A field that is on no list stops the
practice, until somebody has decided about it. So nothing new can slip out.

{_collected(policy)}

## What becomes of each field

- **Leaves as it is:** a code, a date or a number that the collection needs.
- **Leaves as a token:** a scrambled code in place of a number that names you. Only a secret key can make it.
- **Leaves coarser:** for example your year of birth instead of the whole date, or a small area instead of your postcode.
- **Only looked at:** it helps to decide whether an entry may leave. Then it stays.
- **Never read:** it stays, unread.

*Example:* Uma was born on 17 May 1960 and lives at QQ1 1AA. **What leaves is 1960 and the name of a small area.** Her name,
her address and her telephone number are never read.

{_counts(policy)}

### Why fields are never read

{_why(policy)}

{_undecided(policy)}

## Codes that the law forbids to share

Some codes may not be shared by law. An entry with such a code stays, with whatever is written about it.

{_restricted(policy)}

*Example:* Vera had fertility treatment. **That entry stays at the practice. Her asthma may leave.**

Sexual health is *not* on these lists. The collection of 2021 was to have it.

## Numbers that are really a name or a telephone number

Some codes are followed by something that names you, such as a telephone number. The code may leave; the number never does.

{_identifying(policy)}

*Example:* Wen's record has the code for a mobile telephone, and the number. **The code leaves without the number.**

An NHS number, a date of birth or a number of ten digits that stands where a measurement belongs is found too, and that
entry stays.

## Codes must look like codes

People type names where a code belongs. So a code must have the shape of a code, or it stays.

{_shapes(policy)}

*Example:* Somebody typed "Smith" in place of a code. **It does not leave.**

## Words must be on a list

{_words(policy)}

*Example:* Somebody typed "ask Dr Jones" as the unit of a blood test. **It leaves as "other".**

## Free text never leaves

Letters, notes and comments are never read, in any format. No column of what leaves can hold them.

## Confidential entries

An entry that is marked confidential stays. Two formats have no such mark. There the supplier must leave such entries out
itself, and each practice must have said so: {_marked(policy)}. A practice without that line is refused.

## Where you live

Your postcode becomes a small area and a number from 1 to 10 for how well off the area is. {_areas(policy)}

## What is certain and what is not

- The official list of restricted codes is not public. {_stand_ins(policy)} Real records are refused until the official list is
  here.
- {_identifying_certainty(policy)}
- Which fields exist is known from public papers and may be out of date. Then the practice stops, and nothing leaves.
- What a list of shapes cannot stop: a word with a digit in it, typed in place of a local code.
"""


def _collected(policy: Policy) -> str:
    said = policy.table(SAID)
    may, never = ("\n".join(f"- {thing}" for thing in said[name]) for name in ("collected", "never_collected"))
    return f"**These may leave:**\n\n{may}\n\n**These never leave:**\n\n{never}"


def _counts(policy: Policy) -> str:
    rows = []
    for name, told in FORMATS.items():
        found = fields_of(policy, name)
        strangers = set(found.actions) - set(ACTIONS)
        if strangers:
            raise ValueError(f"policy/fields/{name}.toml: this page does not explain {sorted(strangers)}.")
        numbers = [found.actions[action] for action in (KEEP, TOKEN, GENERALISE, DECIDE, DROP)]
        rows.append((f"`{name}`", told, *numbers, found.whole_kinds.total()))
    heads = (
        "format",
        "from",
        "as it is",
        "as a token",
        "coarser",
        "only looked at",
        "never read",
        "whole kinds never opened",
    )
    return table(heads, rows)


def _why(policy: Policy) -> str:
    return "\n\n".join(_why_of(policy, name) for name in FORMATS)


def _why_of(policy: Policy, name: str) -> str:
    found = fields_of(policy, name)
    rows = [
        (why, number) for why, number in sorted(found.dropped.items(), key=lambda each: (-each[1], each[0])) if number
    ]
    total = found.dropped.total()
    told = f"<details>\n<summary>{name}: {count_of(total, 'field', 'fields')} never read, and why</summary>\n\n"
    whole = ""
    if found.whole_kinds:
        kinds = sorted(found.whole_kinds.items(), key=lambda each: (-each[1], each[0]))
        whole = "\n\n" + table(("whole kinds never opened", "how many"), kinds)
    return f"{told}{table(('why', 'fields'), rows)}{whole}\n\n</details>"


def _undecided(policy: Policy) -> str:
    rows = policy.rows(UNDECIDED)
    if not rows:
        return "No new field is waiting for a decision today."
    waiting = [(row["format"], row["table"], row["field"], row["until"], row["why"]) for row in rows]
    return "New fields that are left unread until a day, while somebody decides:\n\n" + table(
        ("format", "where", "field", "until", "why"), waiting
    )


def _restricted(policy: Policy) -> str:
    laws = Counter(row["law"] for row in policy.rows(RESTRICTED))
    return table(("law", "codes on our list"), [(_LAWS[law], number) for law, number in sorted(laws.items())])


def _stand_ins(policy: Policy) -> str:
    rows = policy.rows(RESTRICTED)
    stand_ins = sum(row["status"] == "stand_in" for row in rows)
    return f"Of the {len(rows)} codes on ours, {stand_ins} only stand in for it, so that the rule can be tried."


def _identifying(policy: Policy) -> str:
    kinds = Counter((row["what"], row["certainty"]) for row in policy.rows(IDENTIFYING))
    rows = [(sentence(what), number, _SURE[certainty]) for (what, certainty), number in sorted(kinds.items())]
    return table(("what it would tell", "codes on our list", "how sure"), rows)


def _identifying_certainty(policy: Policy) -> str:
    rows = policy.rows(IDENTIFYING)
    unsure = sum(row["certainty"] != "seen" for row in rows)
    return f"Of the {len(rows)} codes that are followed by a name or a number, {unsure} are from memory or made up."


def _shapes(policy: Policy) -> str:
    return table(
        ("code", "what it must look like, and why"),
        [(in_words(name), shape["why"]) for name, shape in policy.table(SHAPES).items()],
    )


def _words(policy: Policy) -> str:
    lists = policy.table(WORDS)
    words = sum(len(each["words"]) for each in lists.values())
    return (
        f"Some columns hold a word, such as the unit of a measurement. There are {len(lists)} such columns, and {words} words "
        'in all that they may hold. Any other word leaves as "other", and is counted.'
    )


def _marked(policy: Policy) -> str:
    told = []
    for file in WHO_MARKS:
        rows = policy.rows(file)
        yes = sum(row["supplier_holds_back_marked"] == "yes" for row in rows)
        told.append(f"`{file.removesuffix('_practices.csv')}`, {count_of(yes, 'practice', 'practices')}")
    return "; ".join(told)


def _areas(policy: Policy) -> str:
    return (
        f"The directory of postcodes here has {count_of(len(policy.rows(AREAS)), 'line', 'lines')} and is made up. "
        "A postcode that is not in it gets no area."
    )


PAGE = Page(
    "what-never-leaves.md",
    "What never leaves the practice",
    "Names, addresses, free text, codes that the law protects, and everything nobody has decided about.",
    (
        *(f"fields/{name}.toml" for name in FORMATS),
        *(RESTRICTED, IDENTIFYING, SHAPES, WORDS, AREAS, UNDECIDED, SAID, *WHO_MARKS),
    ),
    _body,
)
