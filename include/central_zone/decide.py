"""A steward's word on a held parcel, with name and reason, in the ledger and the audit chain."""

import re

from sqlalchemy import Connection

from central_zone import audit, ledger
from central_zone.errors import DecisionRefused, NotHeld
from central_zone.ledger import Entry
from central_zone.settle import settle
from central_zone.store.connection import transaction
from central_zone.zone import Zone
from crossing.identifiers import canonical_nhs_number

_LONGEST = 500
_TEN_DIGITS = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")


def decide_on(zone: Zone, parcel_id: str, *, approve: bool, by: str, reason: str) -> Entry:
    """Approved, it loads with the next load; refused, later parcels go on without it. The same word twice changes nothing.

    Raises NotHeld where the parcel is not waiting for a decision, DecisionRefused for words that may not be kept.
    """
    check_words(by, reason)
    state = ledger.APPROVED if approve else ledger.REFUSED
    with transaction(zone.store, "decide") as connection:
        entry = ledger.entry(connection, parcel_id)
        ledger.lock_practice(connection, entry.collection, entry.practice_code)
        entry = ledger.entry(connection, parcel_id)
        if not _was_said_before(entry, state, by):
            entry = _write(connection, entry, state, by, reason)
    if entry.state == ledger.REFUSED:
        settle(zone, entry)
    return entry


def _write(connection: Connection, entry: Entry, state: str, by: str, reason: str) -> Entry:
    if entry.state != ledger.HELD:
        raise NotHeld(f"{entry.practice_code}, parcel {entry.sequence} is {entry.state}, not held. Nothing changed.")
    head = audit.append(connection, actor=by, event={"decided": entry.parcel_id, "state": state, "reason": reason})
    ledger.mark_decided(connection, entry.parcel_id, state=state, by=by, reason=reason, audit_hash=head)
    return ledger.entry(connection, entry.parcel_id)


def _was_said_before(entry: Entry, state: str, by: str) -> bool:
    """A task that is run again after it succeeded must not fail: an approved parcel may even be loaded by now."""
    carried_out = entry.state == state or (state == ledger.APPROVED and entry.state in ledger.TAKEN_IN)
    return carried_out and entry.decided_by == by


def check_words(by: str, reason: str) -> None:
    """The reason is printed on the practice's receipt and kept for good, so it may not name a patient."""
    if not by.strip() or not reason.strip() or len(by) + len(reason) > _LONGEST:
        raise DecisionRefused(f"A decision needs a name and a reason, {_LONGEST} characters together at most.")
    if any(canonical_nhs_number(found) for found in _TEN_DIGITS.findall(f"{by} {reason}")):
        raise DecisionRefused("The reason holds what looks like an NHS number. Say it without naming a patient.")
