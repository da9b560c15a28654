"""What a killed run left between the ledger and the receipt: loaded or refused already, so that no run would look at it again."""

import logging
from collections.abc import Iterable

from central_zone import ledger
from central_zone.commit import commit
from central_zone.ledger import Entry
from central_zone.settle import is_settled, settle
from central_zone.zone import Zone
from crossing.errors import GPCollectError

_log = logging.getLogger(__name__)


def finish_killed(zone: Zone, entries: Iterable[Entry]) -> None:
    """Gives the receipts that are missing. One that cannot be given is told in the log, and stops nobody's parcels."""
    for entry in entries:
        if entry.state in (*ledger.TAKEN_IN, ledger.REFUSED) and not is_settled(zone, entry):
            try:
                _finish(zone, entry)
            except GPCollectError as error:
                _log.warning("Parcel %s has no receipt: %s: %s", entry.parcel_id, type(error).__name__, error)


def _finish(zone: Zone, entry: Entry) -> None:
    if entry.state in ledger.TAKEN_IN:
        commit(zone, entry.parcel_id)
    else:
        settle(zone, entry)
