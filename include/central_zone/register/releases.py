"""What the register says of releases and of erasures: which, when and why exactly; of people, rounded figures or none."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from central_zone.errors import ReleasedWithoutEntry
from central_zone.register.data_use import DataUse
from central_zone.register.disclosure_control import controlled
from central_zone.register.national_decision import NationalDecision
from central_zone.register.read_ledger import AuditHead, Disclosure, Erasure

_FIGURES_LATER = "not shown: figures are published once a calendar month"
_COUNTS = ("persons_released", "excluded_opted_out", "excluded_no_current_check", "excluded_no_valid_number")


def decision_as_published(decision: NationalDecision | None) -> dict[str, Any] | None:
    """The decision on the national data opt-out in plain English. None for a collection, which gives nothing to anybody."""
    if decision is None:
        return None
    evidence = decision.evidence.as_dict() if decision.evidence else None
    return {
        "decision": decision.decision,
        "reason": decision.reason,
        "evidence": evidence,
        "in_words": _in_words(decision, evidence),
    }


def _in_words(decision: NationalDecision, evidence: dict[str, str] | None) -> str:
    if evidence is None:
        return (
            "Applied. Nobody is in a release whom the national service did not name, at most 21 days before, as "
            "somebody who has not opted out. Who could not be checked is left out too."
        )
    return (
        f"Not applied. {decision.reason_in_words}. The evidence: {evidence['kind'].replace('_', ' ')} {evidence['reference']}, "
        f"given by {evidence['by']} on {evidence['on']}."
    )


def releases(disclosures: Sequence[Disclosure], uses: Sequence[DataUse]) -> list[dict[str, Any]]:
    """Every release, newest first. Raises ReleasedWithoutEntry: what has no entry cannot have been released.

    Figures only of a use's first release in a calendar month: two of one month, subtracted, would tell who opted out.
    """
    titles = {use.id: use.fields["project_title"] for use in uses if use.kind == "data_use"}
    strangers = sorted({each.use_id for each in disclosures} - set(titles))
    if strangers:
        raise ReleasedWithoutEntry(
            f"{len(strangers)} data uses were released that the register has no entry for: {', '.join(strangers)}. "
            "Restore their files in policy/data_uses: an entry stays for good."
        )
    oldest_first = sorted(disclosures, key=lambda each: each.disclosure_id)
    seen: set[tuple[str, str]] = set()
    said = []
    for each in oldest_first:
        month = each.use_id, _month(each.released_at)
        said.append(_release(each, titles[each.use_id], with_figures=month not in seen))
        seen.add(month)
    return said[::-1]


def _release(each: Disclosure, title: str, *, with_figures: bool) -> dict[str, Any]:
    def shown(people: int) -> dict[str, Any]:
        if not with_figures:
            return {"figure": None, "words": _FIGURES_LATER}
        return asdict(controlled(people, practices=each.practices - len(each.practices_without_check)))

    return {
        "use": each.use_id,
        "title": title,
        "collection": each.collection,
        "released_at": _instant(each.released_at),
        "decision": each.decision,
        "reason": each.reason,
        "evidence": each.evidence,
        "practices": each.practices - len(each.practices_without_check),
        "practices_without_check": len(each.practices_without_check),
        "oldest_check": _instant(each.oldest_check) if each.oldest_check else None,
        "people": {name: shown(getattr(each, name)) for name in _COUNTS},
        # Rows too: of two releases they would tell, exactly, how many records somebody has who opted out in between.
        "rows": {table: shown(rows) for table, rows in sorted(each.rows_released.items())},
        "project_key": each.project_key,
        "audit_sha256": each.audit_hash,
    }


def erased(erasures: Iterable[Erasure], collection: str, head: AuditHead | None) -> list[dict[str, Any]]:
    """People erased, by calendar month, once the month is over by the audit trail's own time: newest first."""
    months: defaultdict[str, list[Erasure]] = defaultdict(list)
    for each in erasures:
        if each.collection == collection:
            months[_month(each.applied_at)].append(each)
    over = {month: found for month, found in months.items() if head and month < _month(head.at)}
    return [
        {
            "month": month,
            "people": asdict(
                controlled(sum(each.people for each in found), practices=len({each.practice_code for each in found}))
            ),
        }
        for month, found in sorted(over.items(), reverse=True)
    ]


def _month(at: datetime) -> str:
    return _instant(at)[:7]


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
