"""What the register says of re-identification: how often, what for, and how often it was refused. Of people, figures or none.

By calendar month, once the month is over by the audit trail's own time, like every other figure about people.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from central_zone.register.disclosure_control import controlled
from central_zone.register.read_ledger import AuditHead, CarriedOut, RefusedCase
from crossing.case_request import REFUSALS


def reidentification(
    cases: Sequence[CarriedOut],
    refused: Sequence[RefusedCase],
    head: AuditHead | None,
    purposes: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Newest month first."""
    done: defaultdict[str, list[CarriedOut]] = defaultdict(list)
    for each in cases:
        done[_month(each.carried_out_at)].append(each)
    not_done: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for refusal in refused:
        not_done[_month(refusal.refused_at)][refusal.reason] += 1
    over = sorted((month for month in done.keys() | not_done.keys() if head and month < _month(head.at)), reverse=True)
    return [
        {
            "month": month,
            "carried_out": _by_purpose(done[month], purposes),
            "refused": [
                {"reason": reason, "in_words": REFUSALS.get(reason, reason), "times": times}
                for reason, times in sorted(not_done[month].items())
            ],
        }
        for month in over
    ]


def _by_purpose(cases: Iterable[CarriedOut], purposes: Mapping[str, str]) -> list[dict[str, Any]]:
    by_purpose: defaultdict[str, list[CarriedOut]] = defaultdict(list)
    for each in cases:
        by_purpose[each.purpose].append(each)
    return [_of_purpose(purpose, found, purposes) for purpose, found in sorted(by_purpose.items())]


def _of_purpose(purpose: str, cases: Sequence[CarriedOut], purposes: Mapping[str, str]) -> dict[str, Any]:
    """How many practices were asked decides whether a figure is shown: one practice would know that it is its own."""
    practices = {code for each in cases for code in each.practice_codes}
    return {
        "purpose": purpose,
        "in_words": purposes.get(purpose, purpose.replace("_", " ").capitalize()),
        "cases": len(cases),
        "people": asdict(controlled(sum(each.people for each in cases), practices=len(practices))),
    }


def _month(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m")
