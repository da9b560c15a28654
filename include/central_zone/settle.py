"""Settle: once the ledger says loaded or refused, the practice gets its receipt and the staged rows go."""

from central_zone import receipts, staged
from central_zone.folders import usable
from central_zone.ledger import Entry
from central_zone.zone import Zone
from crossing.faultpoint import faultpoint


def settle(zone: Zone, entry: Entry) -> None:
    """Safe to repeat: the receipt has the same bytes each time. It comes last, since whoever has one is not looked at again."""
    staged.discard(zone.settings.work_folder, entry.parcel_id)
    faultpoint("settle.staged_gone")
    with usable("GP_RECEIPTS_DIR"):
        receipts.give_receipt(zone.settings.receipts_folder, entry, zone.settings.keys_folder)
    faultpoint("settle.receipt_given")


def is_settled(zone: Zone, entry: Entry) -> bool:
    """Not where a run was stopped between the store's commit and the receipt."""
    return receipts.receipt_path(zone.settings.receipts_folder, entry.parcel_id).exists()
