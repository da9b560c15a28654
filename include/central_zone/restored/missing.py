"""What a restored store lacks, told by what lies outside it: receipts, the inbox, the register."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from central_zone import inbox, ledger, notice
from central_zone.chain.anchors import Anchor
from central_zone.zone import Zone
from crossing.answers import RECEIPT
from crossing.canonical import NATIONAL_ALLOW_LIST

_RELEASE = "release"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Ids, practice codes and names of uses."""

    to_load: list[str]  # parcels that lie in the inbox: the next load takes them
    to_ask_for: list[str]  # parcels that the source has to send again
    lists_to_ask_for: list[str]  # practices whose list of people who may be used has to be made again
    releases: list[dict[str, str]]  # on the register, and not in the store


def missing(zone: Zone, connection: Connection, witnesses: Iterable[Anchor], *, lost: set[str]) -> Missing:
    """`lost` are the heads that are not in the chain."""
    witnesses = list(witnesses)
    folders = inbox.parcel_folders(zone.inbox)
    parcels = parcels_missing(connection, witnesses)
    here = {each for each in parcels if each in folders and any(folders[each].glob("part-*"))}
    released = [each.said for each in witnesses if each.kind == _RELEASE and each.head in lost and each.said]
    return Missing(
        to_load=sorted(here),
        to_ask_for=sorted(set(parcels) - here),
        lists_to_ask_for=_lists(connection, folders),
        releases=[{"use": each["use"], "released_at": each["released_at"]} for each in released],
    )


def parcels_missing(connection: Connection, witnesses: Iterable[Anchor]) -> list[str]:
    """Parcels that we gave a receipt of, as taken in, and that the ledger does not have as taken in."""
    given = {
        each.said["parcel_id"]: each.said["manifest_sha256"]
        for each in witnesses
        if each.kind == RECEIPT and each.said and each.said["outcome"] in ledger.TAKEN_IN
    }
    known = ledger.states(connection, given)
    return sorted(
        parcel
        for parcel, manifest_sha256 in given.items()
        if parcel not in known
        or known[parcel].state not in ledger.TAKEN_IN
        or known[parcel].manifest_sha256 != manifest_sha256
    )


def _lists(connection: Connection, folders: dict[str, Any]) -> list[str]:
    return sorted({practice_code for _, practice_code in lists_missing(connection, folders)})


def lists_missing(connection: Connection, folders: dict[str, Any]) -> set[tuple[str, str]]:
    """Collection and practice of each list that was applied, and forgotten. Its people are in no file any more."""
    empty = {name: inbox.claim(path) for name, path in folders.items() if not any(path.glob("part-*"))}
    lists = {name: claim for name, claim in empty.items() if claim and claim.kind == NATIONAL_ALLOW_LIST}
    applied = notice.applied(connection, lists)
    return {(claim.collection, claim.practice_code) for name, claim in lists.items() if name not in applied}
