"""A steward's word on a held parcel, with name and reason, in the ledger and the audit chain; two stewards' where policy says so."""

import re

from sqlalchemy import Connection

from central_zone import audit, ledger
from central_zone.decisions.people_needed import NOBODY, TWO, people_needed
from central_zone.errors import DecisionRefused, NotHeld
from central_zone.ledger import Entry
from central_zone.settle import settle
from central_zone.store.connection import transaction
from central_zone.zone import Zone
from crossing.identifiers import canonical_nhs_number

_LONGEST = 500
_TEN_DIGITS = re.compile(r"(?<!\d)\d{3}[ -]?\d{3}[ -]?\d{4}(?!\d)")
_AND = " and "  # between the two who decided together


def decide_on(zone: Zone, parcel_id: str, *, approve: bool, by: str, reason: str) -> Entry:
    """Approved, it loads with the next load; refused, later parcels go on without it. The same word twice changes nothing.

    Where it takes two, the first approval is written down and the parcel stays held until another steward approves, too.
    Raises NotHeld where the parcel is not waiting for a decision, DecisionRefused for words that may not be kept, and for an
    approval that policy gives to nobody.
    """
    check_words(by, reason)
    state = ledger.APPROVED if approve else ledger.REFUSED
    with transaction(zone.store, "decide") as connection:
        entry = ledger.entry(connection, parcel_id)
        ledger.lock_practice(connection, entry.collection, entry.practice_code)
        entry = ledger.entry(connection, parcel_id)
        if not _was_said_before(entry, state, by):
            entry = _write(zone, connection, entry, state, by, reason)
    if entry.state == ledger.REFUSED:
        settle(zone, entry)
    return entry


def _write(zone: Zone, connection: Connection, entry: Entry, state: str, by: str, reason: str) -> Entry:
    if entry.state != ledger.HELD:
        raise NotHeld(f"{entry.practice_code}, parcel {entry.sequence} is {entry.state}, not held. Nothing changed.")
    people = people_needed(zone.policy, entry.held_by)
    if state == ledger.APPROVED and people == NOBODY:
        raise DecisionRefused(
            f"{entry.practice_code}, parcel {entry.sequence} may be loaded by nobody (policy/decisions.toml). Refuse it."
        )
    if state == ledger.APPROVED and people == TWO and entry.decided_by is None:
        head = audit.append_word(connection, by=by, event={"approved_first": entry.parcel_id, "reason": reason})
        ledger.mark(connection, entry.parcel_id, decided_by=by, audit_hash=head)
        return ledger.entry(connection, entry.parcel_id)
    first = entry.decided_by if state == ledger.APPROVED else None
    event = {"decided": entry.parcel_id, "state": state, "reason": reason} | ({"first": first} if first else {})
    head = audit.append_word(connection, by=by, event=event)
    together = f"{first}{_AND}{by}" if first else by
    ledger.mark_decided(connection, entry.parcel_id, state=state, by=together, reason=reason, audit_hash=head)
    return ledger.entry(connection, entry.parcel_id)


def _was_said_before(entry: Entry, state: str, by: str) -> bool:
    """A task that is run again after it succeeded must not fail: an approved parcel may even be loaded by now.

    Who approved first and approves again has said it before: it takes another.
    """
    carried_out = entry.state == state or (state == ledger.APPROVED and entry.state in (*ledger.TAKEN_IN, ledger.HELD))
    return carried_out and by in (entry.decided_by or "").split(_AND)


def check_words(by: str, reason: str) -> None:
    """The reason is printed on the practice's receipt and kept for good, so it may not name a patient."""
    if not by.strip() or not reason.strip() or len(by) + len(reason) > _LONGEST:
        raise DecisionRefused(f"A decision needs a name and a reason, {_LONGEST} characters together at most.")
    if _AND in by:
        raise DecisionRefused(f"One person decides, by one name; there is no `{_AND.strip()}` in it.")
    if any(canonical_nhs_number(found) for found in _TEN_DIGITS.findall(f"{by} {reason}")):
        raise DecisionRefused("The reason holds what looks like an NHS number. Say it without naming a patient.")
