"""What a killed run left between the ledger and the receipt: loaded or refused already, so that no run would look at it again."""

import logging
from collections.abc import Iterable

from central_zone import ledger, staged
from central_zone.commit import commit
from central_zone.ledger import Entry
from central_zone.settle import is_settled, settle
from central_zone.store.connection import transaction
from central_zone.supplements import give_missing
from central_zone.zone import Zone
from crossing.errors import GPCollectError

_log = logging.getLogger(__name__)


def finish_killed(zone: Zone, entries: Iterable[Entry]) -> None:
    """Gives the receipts and supplements that are missing. A receipt that cannot be given is logged, and stops nobody's parcels."""
    give_missing(zone)
    staged_now = staged.staged_parcels(zone.settings.work_folder)
    for entry in entries:
        if entry.state in (*ledger.TAKEN_IN, ledger.REFUSED) and not is_settled(zone, entry):
            try:
                _finish(zone, entry)
            except GPCollectError as error:
                _log.warning("Parcel %s has no receipt: %s: %s", entry.parcel_id, type(error).__name__, error)
        elif entry.state in ledger.TAKEN_IN and entry.parcel_id in staged_now:
            _discard_staged(zone, entry)


def _finish(zone: Zone, entry: Entry) -> None:
    if entry.state in ledger.TAKEN_IN:
        commit(zone, entry.parcel_id)
    else:
        settle(zone, entry)


def _discard_staged(zone: Zone, entry: Entry) -> None:
    """Of a release from quarantine that was killed. One that is under way holds the practice, and is waited for."""
    with transaction(zone.store, "discard staged rows") as connection:
        ledger.lock_practice(connection, entry.collection, entry.practice_code)
        staged.discard(zone.settings.work_folder, entry.parcel_id)
