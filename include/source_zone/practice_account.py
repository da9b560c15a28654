"""A practice's own account: what left of it and what stayed, by reason, and what the centre answered.

Made of signed statements alone: our manifests, and the centre's receipts and certificates. Counts are exact, because the
practice holds the records itself; so the account is for the practice and is not to be published.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from crossing.canonical import BRIDGE, ERASURE, NATIONAL_ALLOW_LIST
from crossing.manifest import Manifest
from crossing.manifest_fields import DELTA, RE_EXTRACT, RECON, SNAPSHOT
from crossing.reasons import in_words
from source_zone.central_answers import CentralAnswers, central_answers
from source_zone.parcels_left import Place, what_left
from source_zone.settings import Settings

Contents = dict[str, Any]
KINDS_IN_WORDS = {
    DELTA: "Records: what changed since the delivery before",
    SNAPSHOT: "Records: everything, to be loaded",
    RECON: "Records: everything, to be compared with the store and not loaded",
    BRIDGE: "Change of key: which new token stands for which old one. No record is among it",
    RE_EXTRACT: "Records: everything of patients who may leave again, for example after opting in",
    ERASURE: "Erasure: patients who opted out after their records had left",
    NATIONAL_ALLOW_LIST: "National data opt-out: patients whom the national service did not name as opted out",
    "records": "Records",
}
_RETIRED = "retired_objections"  # parcels of before 26 November 2026 did not count them
_TOLD_ABOVE = frozenset(
    {"tables", "patients_may_leave", "patients_held_back", "not_collected", "generalised", "reference_rows", _RETIRED}
)
# Of the centre's statements: what a practice is told. A field that is not here is not shown, whoever adds it: at how many
# practices the centre found a person is not for any of them to know.
ANSWERS_IN_WORDS = {
    "outcome": "What became of it",
    "reason": "Why",
    "rows_loaded": "Rows loaded",
    "rows_quarantined": "Rows set aside as faulty",
    "rows_released": "Of rows set aside as faulty, loaded later after all",
    "rows_discarded": "Of rows set aside as faulty, kept out for good",
    "decided_because": "Why that was decided",
    "people": "Patients erased",
    "rows_erased": "Rows erased from the store",
    "rows_out_of_quarantine": "Of rows set aside as faulty, erased",
    "rows_out_of_release": "Of rows made ready for projects, erased",
    "parcels_stripped": "Kept parcels they were taken out of",
    "rows_stripped": "Rows taken out of kept parcels",
    "parcels_left": "Kept parcels that could not be opened, and are as they were",
    "at": "When",
    "audit_head": "Last entry of the centre's audit trail",
}
NOT_FOR_PUBLICATION = (
    "Figures here are exact, small ones too, because the practice holds the records itself. Do not publish this page or "
    "send it on: a figure of 7 or fewer can tell who somebody is. Public figures are in the register."
)
NO_ANSWER_SEEN = (
    "No answer of the centre can be seen from here: GP_CENTRAL_RECEIPTS_DIR is not set. Whether anything below was loaded, "
    "refused or erased, this account does not know."
)
ANSWERS_SEEN = "Answers of the centre were looked for here, and each bears its signature."


def account(collection: str, practice_code: str, settings: Settings) -> Contents:
    """Everything that left, in order. Raises OutboxDoubtful, AnswerRefused, ManifestRefused, KeyRefused."""
    left = what_left(collection, practice_code, settings)
    answers = central_answers(settings)
    entries = [_entry(manifest, answers) for manifest in left.manifests]
    return {
        "practice_code": practice_code,
        "collection": collection,
        "not_for_publication": NOT_FOR_PUBLICATION,
        "synthetic": all(manifest.synthetic for manifest in left.manifests),
        "answers_can_be_seen": answers is not None,
        "answers_in_words": NO_ANSWER_SEEN if answers is None else ANSWERS_SEEN,
        "words_of_answers": ANSWERS_IN_WORDS,
        "in_all": _in_all(left.manifests, entries),
        "left": entries,
        "no_longer_here": [_gone(place) for place in left.gone],
    }


def _entry(manifest: Manifest, answers: CentralAnswers | None) -> Contents:
    answer = _answer(manifest, answers) if answers else None
    return {
        "parcel_id": manifest.parcel_id,
        "kind": manifest.extract_kind,
        "kind_in_words": KINDS_IN_WORDS[manifest.extract_kind],
        "sequence": manifest.sequence,
        "made_at": manifest.created_at,
        "as_known_at": manifest.extract_taken_at,
        **(_of_a_notice(manifest) if manifest.is_notice else _of_records(manifest)),
        "is_answered_to": manifest.extract_kind != NATIONAL_ALLOW_LIST,
        "answer": _in_short(answer) if answer else None,
    }


def _answer(manifest: Manifest, answers: CentralAnswers) -> Contents | None:
    """What was answered, and what was decided since of rows that were set aside."""
    answer, since = answers.to(manifest), answers.since(manifest)
    if answer is None or since is None:
        return answer
    reasons = dict.fromkeys(each["reason"] for each in since["decisions"])
    decided = {name: since[name] or None for name in ("rows_released", "rows_discarded")}
    return {**answer, **decided, "decided_because": "; ".join(reasons)}


def _of_a_notice(manifest: Manifest) -> Contents:
    """When it expires matters of an allow list: until then the people on it may be used."""
    people = sum(part.rows for part in manifest.parts)
    return {
        "people_named": people,
        "expires_at": manifest.not_after if manifest.extract_kind == NATIONAL_ALLOW_LIST else None,
    }


def _of_records(manifest: Manifest) -> Contents:
    counts = manifest.counts
    held, quarantined = Counter[str](), Counter[str]()
    for table in counts["tables"].values():
        held.update(table["held_back"])
        quarantined.update(table["quarantined"])
    return {
        "rows_sent": {table: row["sent"] for table, row in counts["tables"].items()},
        "patients_may_leave": counts["patients_may_leave"],
        "patients_held_back": _told(counts["patients_held_back"]),
        "rows_held_back": _told(held),
        "rows_quarantined": _told(quarantined),
        "rows_of_other_kinds_left_at_the_practice": _told(counts["not_collected"]),
        "old_objections_counted_and_not_obeyed": _told(counts.get(_RETIRED, {})),
        "words_sent_as_other": counts["generalised"],
        "also_counted": {name: counts[name] for name in sorted(counts.keys() - _TOLD_ABOVE) if counts[name]},
    }


def _told(counts: dict[str, int]) -> list[Contents]:
    return [{"reason": reason, "in_words": in_words(reason), "count": n} for reason, n in sorted(counts.items()) if n]


def _in_short(answer: Contents) -> Contents:
    """A list is of parcels that could not be opened, of other practices too: how many there are is told."""
    told = {name: answer[name] for name in ANSWERS_IN_WORDS if answer.get(name) is not None}
    return {name: len(value) if isinstance(value, list) else value for name, value in told.items()}


def _gone(place: Place) -> Contents:
    return {
        "parcel_id": place.parcel_id,
        "kind_in_words": KINDS_IN_WORDS[place.kind],
        "sequence": place.sequence,
        "why": "It left, and no longer lies in the outbox. What it held cannot be told from here.",
    }


def _is_certified(entry: Contents) -> bool:
    """Not where the answer is a receipt, which is given of an erasure only where it was refused."""
    return entry["answer"] is not None and "outcome" not in entry["answer"]


def _in_all(manifests: Sequence[Manifest], entries: Sequence[Contents]) -> Contents:
    asked = [each for each in entries if each["kind"] == ERASURE]
    lists = [each for each in manifests if each.extract_kind == NATIONAL_ALLOW_LIST]
    records = [each for each in manifests if not (each.is_notice or each.is_bridge)]
    return {
        "parcels_of_records": len(records),
        "rows_sent": sum(part.rows for each in records for part in each.parts),
        "erasures_asked_for": sum(each["people_named"] for each in asked),
        "erasures_certified": sum(each["people_named"] for each in asked if _is_certified(each)),
        "last_national_check": max((each.extract_taken_at for each in lists), default=None),
    }
