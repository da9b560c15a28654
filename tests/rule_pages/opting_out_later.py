"""The page about saying no after records have left, and about changing one's mind again."""

from typing import Any

from crossing.policy import Policy
from crossing.reasons import REASONS_IN_WORDS
from rule_pages.page import Page, count_of
from source_zone.people_sent import AWAITS_WHOLE_RECORD

COLLECTIONS = "collections/*.toml"
_REACHES = {
    "person": (
        "Everything is deleted that any practice sent about you, not only the practice where you said no. It goes by your NHS "
        "number. Where a record has no valid number, only what that practice sent can be found.",
        "Mia was at a practice in Leeds and moved to one in York. Both sent records. She says no in York. "
        "What Leeds sent is deleted too.",
    ),
    "registration": (
        "Only what the practice sent where you said no is deleted. What other practices sent about you stays.",
        "Mia was at a practice in Leeds and moved to one in York. Both sent records. She says no in York. "
        "What Leeds sent stays, until she says no in Leeds as well.",
    ),
}


def collections(policy: Policy) -> list[dict[str, Any]]:
    return [policy.table(f"collections/{name}.toml") for name in policy.collections()]


def _body(policy: Policy) -> str:
    reach = "\n\n".join(_reach(each) for each in collections(policy))
    return f"""
## In short

You may say no after your records have left. Then they are not only no longer sent. What was sent is **deleted**.

You may also change your mind back. Then your whole record is sent again, as if for the first time.

## What happens when you say no later

1. You tell your GP practice, and it puts the code in your record.
2. The next delivery of your practice brings the code. From then on nothing more about you leaves.
3. The practice's software makes a notice for the centre. It holds your token, and no name or number. It is signed, so that
   nobody else can ask for it.
4. The centre deletes your records: from every table, from what was set aside as faulty, from parcels that wait, and from what
   was made ready for projects.
5. The centre signs a certificate. It says how many rows were deleted. Your practice can see it.

The notice is made in the same night, and looked for every hour besides. It does not wait for other practices.

*Example:* Noor's records left on Monday. On Wednesday she says no. On Wednesday night her practice asks for deletion.
**By Thursday morning nothing of her record is left at the centre.**

## How far it reaches

{reach}

## Why it lasts

- **Old parcels cannot bring you back.** The centre keeps a mark that is made from your token with a secret key. It does not say
  who you are. An old parcel that is loaded again is held against the marks, and your rows are left out.
- **A backup cannot bring you back.** Deletions are also written down outside the store. A store that was restored from a
  backup sees that it lacks some. It gives out nothing until they have been made again.

*Example:* A disk breaks. The store is restored from Sunday's backup, when Noor's records were still there.
**The store gives out nothing until Noor's records are deleted again.**

## Opting in again

Changing your mind back is an entry in your record too. See [what takes a no back](opting-out.md).

Your whole record must then be read again, since what was there was deleted, or never left. Until that is done you are held back. The reason
is counted as: *{REASONS_IN_WORDS[AWAITS_WHOLE_RECORD]}*. Where the practice's old deliveries are gone, the supplier must send
everything again first. That can take a while. The same holds for anybody of whom something stayed and who may leave later.

*Example:* Omar said no in May and takes it back in June. In June a single new test result comes. **It is not sent alone. His
whole record is sent, or nothing.**

## What is certain and what is not

- Deleting after a later no was promised for the real collection in 2021. The older collection for COVID-19 did not do it.
- What cannot be undone: figures that were published already. They are rounded, and small ones are not shown.
- What somebody has worked out in a project before you said no is not worked out again.
- {count_of(len(collections(policy)), "collection has", "collections have")} a rule of this kind. None of them is live.
"""


def _reach(collection: dict[str, Any]) -> str:
    says, example = _REACHES[collection["dissent_reaches"]]
    return f"**{collection['title']}**: {says}\n\n*Example:* {example}"


PAGE = Page(
    "opting-out-later.md",
    "Opting out later, and opting in again",
    "Records that have left already are deleted when you say no.",
    (COLLECTIONS,),
    _body,
)
