"""What a practice's night can come to, in one word each, and which word goes before which."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from central_zone import ledger

FAILED = "failed"
LATE = "late"
ARRIVED = "arrived"
NOT_DUE = "not_due"
# In the order in which somebody should look at them.
STATES = (FAILED, ledger.HELD, ledger.REFUSED, LATE, ledger.WAITING, ARRIVED, ledger.LOADED, NOT_DUE)
RANK = {state: place for place, state in enumerate(STATES)}
MEANINGS = {
    FAILED: "A step failed and nothing has come of it since; whose move it is stands beside it.",
    ledger.HELD: "It broke too many rules: a steward decides.",
    ledger.REFUSED: "It will never be loaded; the practice must send it again.",
    LATE: "Nothing arrived, although by the practice's own rhythm it should have.",
    ledger.WAITING: "An earlier one of the practice has not come, or is not settled.",
    ARRIVED: "Received, and on its way into the store.",
    ledger.LOADED: "In the store, or compared with it.",
    NOT_DUE: "Nothing was due by then.",
}
_OF_PARCELS = {
    ledger.RECEIVED: ARRIVED,
    ledger.VALIDATED: ARRIVED,
    ledger.APPROVED: ARRIVED,
    ledger.WAITING: ledger.WAITING,
    ledger.HELD: ledger.HELD,
    ledger.LOADED: ledger.LOADED,
    ledger.COMPARED: ledger.LOADED,
    ledger.REFUSED: ledger.REFUSED,
}
ON_THE_WAY = (ledger.RECEIVED, ledger.VALIDATED, ledger.APPROVED)
OPEN = (*ON_THE_WAY, ledger.WAITING, ledger.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Parcels of one practice that came in one night and are in the same state."""

    state: str  # as the ledger has it
    parcels: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A step that failed, as the task itself said: our own words, and no value."""

    practice_code: str | None  # None: it failed for all alike, or nobody knows whose parcel it was
    at: datetime
    of_source: bool
    step: str
    error: str
    who_acts: str  # "person" or "try_again"
    message: str
    task: str  # path of the failed task in Airflow's own pages


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One practice in one night."""

    state: str
    parcels: int = 0
    failure: Failure | None = None  # the last one, also where something came of it afterwards


def cell_of(arrived: Sequence[Arrived], failures: Sequence[Failure], *, is_late: bool) -> Cell:
    """What a night came to: a failure that nothing made good, else what is still open, else what came last."""
    if len(arrived) == 1 and not failures:  # nearly all of them
        return Cell(state=_OF_PARCELS[arrived[0].state], parcels=arrived[0].parcels)
    failure = max(failures, key=lambda each: each.at, default=None)
    parcels = sum(each.parcels for each in arrived)
    if failure and _still_stands(failure, arrived):
        return Cell(state=FAILED, parcels=parcels, failure=failure)
    if not arrived:
        return Cell(state=LATE if is_late else NOT_DUE, failure=failure)
    still_open = [each for each in arrived if each.state in OPEN]
    if still_open:
        state = min((_OF_PARCELS[each.state] for each in still_open), key=RANK.__getitem__)
    else:
        state = _OF_PARCELS[max(arrived, key=lambda each: each.last_at).state]
    return Cell(state=state, parcels=parcels, failure=failure)


def _still_stands(failure: Failure, arrived: Sequence[Arrived]) -> bool:
    """At the source: until a parcel arrives. At the centre: while the parcel is on its way."""
    if failure.of_source:
        return all(each.last_at < failure.at for each in arrived)
    return any(each.state in ON_THE_WAY for each in arrived)
