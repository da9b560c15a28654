"""A steward's word on rows in quarantine: released into the records, or discarded for good. Told by rule and count, never by value."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, update

from central_zone import quarantine_choice
from central_zone.decide import check_words
from central_zone.errors import NothingInQuarantine, NotReleasable
from central_zone.quality.releasable import FILE, read_releasable
from central_zone.quality.small_numbers import shown
from central_zone.quarantine_choice import Choice, Decided
from central_zone.quarantine_release import release
from central_zone.settings import Settings
from central_zone.store.connection import transaction
from central_zone.store.quality_tables import DISCARDED, RELEASED, quarantined_row
from central_zone.store.role_names import LOADER, STEWARD
from central_zone.supplements import give_supplement
from central_zone.zone import Zone, opened
from crossing.errors import GPCollectError

_TOLD = 5  # parcels by name


def release_rows(choice: Choice, settings: Settings) -> Decided:
    """The rows are loaded from the sealed parcel, under the loader's rights: a steward's own reach no record.

    Raises NotReleasable, NothingInQuarantine, DecisionRefused, ParcelRefused, ParcelUnreadable or StoreDown; nothing is then loaded.
    """
    check_words(choice.by, choice.reason)
    with opened(settings, role=LOADER) as zone:
        check_may_be_released(zone, choice)
        done = release(zone, choice)
        give_supplement(zone, choice.parcel_id)
    return done


def discard_rows(choice: Choice, settings: Settings) -> Decided:
    """As `discard`, in a zone of its own."""
    with opened(settings, role=STEWARD) as zone:
        return discard(zone, choice)


def decide_on_each(
    *,
    outcome: str,
    parcel_ids: Sequence[str],
    table_name: str,
    rule_ids: Sequence[str],
    by: str,
    reason: str,
    settings: Settings,
) -> dict[str, Any]:
    """The same word on the rows of several parcels that broke each of these rules and no other; each parcel's in a transaction of
    its own. What came of it in counts.

    A parcel whose rows cannot be decided on stops no other. Raises NotReleasable or NothingInQuarantine where any could not,
    naming them, after the others were; said again, it says so again and changes nothing.
    """
    decide = release_rows if outcome == RELEASED else discard_rows
    done, left = list[Decided](), list[GPCollectError]()
    same: dict[str, Any] = {
        "table_name": table_name,
        "rule_ids": tuple(rule_ids),
        "by": by,
        "reason": reason,
        "each_of_them": True,
    }
    for parcel_id in parcel_ids:
        try:
            done.append(decide(Choice(parcel_id=parcel_id, **same), settings))
        except (NotReleasable, NothingInQuarantine) as error:
            left.append(error)
    if left:
        told = " ".join(str(error) for error in left[:_TOLD])
        raise type(left[0])(
            f"Of {len(parcel_ids)} parcels, {len(done)} were decided on and {len(left)} could not be. {told}"
        )
    rows = shown(table_name, sum(each.rows for each in done), len(done))
    return {"outcome": outcome, "table": table_name, "rules": list(rule_ids), "parcels": len(done), "rows": rows}


def check_may_be_released(zone: Zone, choice: Choice) -> None:
    """Raises NotReleasable, with the reason that policy gives."""
    releasable = read_releasable(zone.policy)
    for rule in choice.rule_ids:
        why = releasable.why_not(choice.table_name, rule)
        if why:
            raise NotReleasable(
                f"Rows of {choice.table_name} that broke {rule} stay out: {why} (policy/{FILE}) They may be discarded."
            )


def discard(zone: Zone, choice: Choice) -> Decided:
    """The rows stay out for good. Their tokens are kept, so that they go with their patient. The same word twice changes nothing.

    Raises NothingInQuarantine, or DecisionRefused for words that may not be kept.
    """
    check_words(choice.by, choice.reason)
    with transaction(zone.store, "discard rows") as connection:
        done = _discarded(connection, choice)
    give_supplement(zone, choice.parcel_id)
    return done


def _discarded(connection: Connection, choice: Choice) -> Decided:
    entry = quarantine_choice.locked(connection, choice.parcel_id)
    rules = quarantine_choice.undecided(connection, entry, choice.table_name)
    chosen = quarantine_choice.only_these(rules, choice)
    if not chosen:
        return quarantine_choice.said_before(connection, entry, choice, DISCARDED)
    number = quarantine_choice.write(connection, entry, choice, DISCARDED, len(chosen))
    rows = quarantine_choice.rows_in_quarantine(entry, choice.table_name, chosen)
    connection.execute(update(quarantined_row).where(*rows).values(decision_number=number))
    return quarantine_choice.decided(
        entry, DISCARDED, len(chosen), left=len(quarantine_choice.named(rules, choice)) - len(chosen)
    )
