"""The answer sheet of one practice over the nights so far, while its last night is delivered."""

from typing import Any

import numpy as np
import pyarrow as pa

from simulator.consents import opted_out
from simulator.deliver import Delivery
from simulator.draws import Numbers
from simulator.histories import sheet
from simulator.texts import picked
from simulator.truth import AWAITS_WHOLE_RECORD, REASONS, Tally, add_up, patient_counts, reasons


def practice_truth(delivery: Delivery, night: int, earlier: dict[str, Any] | None) -> dict[str, Any]:
    """Delivers a night, and says what this and the earlier nights must come to.

    Earlier nights are taken from an earlier answer sheet where it has settled them, otherwise counted again. Of generated
    histories the delivery is given a sheet patient by patient.
    """
    settled: dict[int, dict[str, Any]] = {}
    delivered = delivery.deliver(night)
    if delivery.source.size.histories:
        delivery.sheet = _patient_by_patient(delivery, night, delivered)
    for number in range(1, night + 1):
        if number == night - 1 and number in delivery.troubles:
            delivery.repair(number)
        known = _settled(earlier, number) if number < night else None
        if delivery.released_on(number) > night:
            settled[number] = _waiting(delivery, number)
        elif known is not None:
            settled[number] = known
        else:
            tally = delivered if number == night else delivery.count(number)
            settled[number] = _released(delivery, number, tally)
    return {
        "nights": {str(number): row for number, row in settled.items()},
        "store_after_night": {str(number): _store(delivery, settled, number) for number in settled},
    }


def _settled(earlier: dict[str, Any] | None, night: int) -> dict[str, Any] | None:
    row: dict[str, Any] | None = None if earlier is None else earlier["nights"].get(str(night))
    return row if row is not None and row["released_on_night"] is not None else None


def _waiting(delivery: Delivery, night: int) -> dict[str, Any]:
    return {
        "extract_id": delivery.extract_id(night),
        "trouble": delivery.troubles[night],
        "released_on_night": None,
        "sequence": None,
        "patients_may_leave": 0,
        "patients_held_back": {},
        "reference_rows": {},
        "tables": {},
    }


def _released(delivery: Delivery, night: int, tally: Tally) -> dict[str, Any]:
    run = delivery.released_on(night)
    reason = _reasons(delivery, run)
    may_leave, held_back = patient_counts(delivery.as_read(run)[0], reason, run)
    return {
        "extract_id": delivery.extract_id(night),
        "trouble": delivery.troubles.get(night),
        "released_on_night": run,
        "sequence": night,
        "patients_may_leave": may_leave,
        "patients_held_back": held_back,
        "reference_rows": dict(sorted(tally.reference_rows.items())),
        "tables": tally.tables(reason),
    }


def _reasons(delivery: Delivery, night: int) -> Numbers:
    """Whoever was held back on an earlier night stays until they are sent whole, which no night's own extract does."""
    earlier = sorted({delivery.released_on(number) for number in range(1, night)} & set(range(1, night)))
    held = np.zeros(len(delivery.as_read(night)[0].roster), bool)
    for before in earlier:
        reason, known = _said(delivery, before), delivery.as_read(before)[0].roster.known(before)
        held[: len(known)] |= (reason != 0) & known
    reason = _said(delivery, night)
    return np.where((reason == 0) & held, AWAITS_WHOLE_RECORD, reason)


def _said(delivery: Delivery, night: int) -> Numbers:
    source, entries = delivery.as_read(night)
    out = opted_out(entries, night)
    if source.size.histories:
        present = source.roster.known(night)
        out = set(np.flatnonzero(sheet.opted_out(delivery.source, delivery.writer.name, night, present)).tolist())
    return reasons(source, out, night)


def _patient_by_patient(delivery: Delivery, night: int, delivered: Tally) -> pa.Table:
    decision = picked(list(REASONS), _reasons(delivery, night))
    present, leaving = delivery.as_read(night)[0].roster.known(night), delivered.leaving()
    return sheet.sheet(delivery.source, delivery.writer.name, night, present, decision=decision, leaving=leaving)


def _store(delivery: Delivery, settled: dict[int, dict[str, Any]], night: int) -> dict[str, Any]:
    """What the store holds once the releases of a night are loaded."""
    loaded = [
        number for number, row in settled.items() if row["released_on_night"] and row["released_on_night"] <= night
    ]
    registrations: set[int] = set()
    for number in loaded:
        tally = delivery.count(number, only="Admin_Patient")
        registrations |= tally.patients_sent(_reasons(delivery, delivery.released_on(number)))
    return {"rows": add_up(settled[number] for number in loaded), "patients": len(registrations)}
