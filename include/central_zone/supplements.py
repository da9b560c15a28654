"""Supplements to receipts: what stewards decided since of the rows of a parcel that were kept out, signed, for the practice.

A receipt keeps what was true when the parcel was settled. Its supplement tells every decision on its rows so far, in order, and
is replaced by the next one. Made again, it has the same bytes.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, select

from central_zone import keys, ledger
from central_zone.folders import usable
from central_zone.receipts import give_durably
from central_zone.store.connection import transaction
from central_zone.store.quality_tables import DISCARDED, RELEASED, decision
from central_zone.store.tables import parcel
from central_zone.zone import Zone
from crossing import answers
from crossing.answers import AnswerRefused
from crossing.manifest import canonical_json

PAYLOAD_TYPE = answers.PAYLOAD_TYPES[answers.SUPPLEMENT]
_LATELY = timedelta(days=14)  # a release that was killed before it told its practice is looked for that long


def give_supplement(zone: Zone, parcel_id: str) -> None:
    """Writes `<parcel_id>.supplement.json` where anything was decided. Raises ParcelUnknown or StoreDown."""
    with transaction(zone.store, "look at decisions") as connection:
        said = supplement_of(connection, parcel_id)
    if said is None:
        return
    signature = keys.receipt_signing_key(zone.settings.keys_folder).sign(answers.bytes_to_sign(said, PAYLOAD_TYPE))
    signed = {answers.SUPPLEMENT: said, "signing_key": keys.RECEIPT_SIGNING_KEY, "signature": signature.hex()}
    with usable("GP_RECEIPTS_DIR"):
        zone.settings.receipts_folder.mkdir(parents=True, exist_ok=True)
        give_durably(_path(zone, parcel_id), canonical_json(signed))


def supplement_of(connection: Connection, parcel_id: str) -> dict[str, Any] | None:
    """Ids, hashes, rules, counts and the stewards' reasons, not their names; None where nothing was decided."""
    entry = ledger.entry(connection, parcel_id)
    same = decision.c.parcel_number == entry.parcel_number
    decided = connection.execute(select(decision).where(same).order_by(decision.c.decision_number)).all()
    if not decided:
        return None
    return {
        "parcel_id": entry.parcel_id,
        "manifest_sha256": entry.manifest_sha256,
        "rows_released": _rows(decided, RELEASED),
        "rows_discarded": _rows(decided, DISCARDED),
        "decisions": [_decision(each) for each in decided],
        "audit_head": decided[-1].audit_hash,
        "at": _instant(decided[-1].at),
    }


def give_missing(zone: Zone) -> None:
    """Those that a run was stopped before, between the store's commit and the file."""
    since = decision.c.at > zone.now() - _LATELY
    asked = (
        select(parcel.c.parcel_id, decision.c.audit_hash)
        .join(parcel, parcel.c.parcel_number == decision.c.parcel_number)
        .where(since)
        .order_by(decision.c.decision_number)
    )
    with transaction(zone.store, "look for decisions") as connection:
        last: dict[UUID, str] = {each.parcel_id: each.audit_hash for each in connection.execute(asked)}
    for parcel_id, head in last.items():
        if _head_given(_path(zone, str(parcel_id))) != head:
            give_supplement(zone, str(parcel_id))


def _head_given(path: Path) -> str | None:
    with usable("GP_RECEIPTS_DIR"):
        data = path.read_bytes() if path.exists() else b""
    try:
        return str(answers.read_answer(data, answers.SUPPLEMENT, path.name).content.get("audit_head"))
    except AnswerRefused:
        return None  # there is none, or it is none of ours; chain.verify says which


def _path(zone: Zone, parcel_id: str) -> Path:
    return zone.settings.receipts_folder / f"{parcel_id}.{answers.SUPPLEMENT}.json"


def _rows(decided: Iterable[Row[Any]], outcome: str) -> dict[str, int]:
    rows: Counter[str] = Counter()
    for each in decided:
        if each.outcome == outcome:
            rows[each.table_name] += each.rows
    return dict(rows)


def _decision(each: Row[Any]) -> dict[str, Any]:
    said = {name: getattr(each, name) for name in ("outcome", "table_name", "rule_ids", "rows", "reason")}
    return {**said, "at": _instant(each.at), "audit_head": each.audit_hash}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
