"""Take notices: verify what a practice says of people, and act on it. The kinds stand in APPLY, and nowhere else.

Results hold ids, practice codes, counts and states only: they travel through Airflow.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from central_zone import inbox, ledger, national_allow_list, notice
from central_zone.admit import PARCELS_OWN_FAULT
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.erasures.erase import erase
from central_zone.erasures.strip import destroy_parts
from central_zone.errors import NotAllTaken, NotAllTakenYet, StoreDown
from central_zone.notice import Notice
from central_zone.refuse import refuse_notice, withdraw_refusal
from central_zone.rotation.practice_keys import check_notice_is_not_ahead
from central_zone.settings import Settings
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import AUDITOR, ERASER
from central_zone.zone import Zone, opened
from crossing.canonical import ERASURE, NATIONAL_ALLOW_LIST, NOTICES
from crossing.errors import GPCollectError, PersonMustAct, as_ours, without_panics
from crossing.failures import failure
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest
from crossing.parcel import part_name

Result = dict[str, Any]
# What is done with a notice of each kind, in transactions of its own; the last of them calls notice.mark_applied. It may
# be killed anywhere and run again. Counts come back.
Apply = Callable[[Zone, Notice], dict[str, Any]]
APPLY: dict[str, Apply] = {ERASURE: erase, NATIONAL_ALLOW_LIST: national_allow_list.apply_allow_list}
# What the manifest of a kind may not say, found before the notice has a place in the ledger.
CHECK: dict[str, Callable[[Zone, Manifest], None]] = {NATIONAL_ALLOW_LIST: national_allow_list.check_validity}
# What is done with the folder of a notice that was applied; run again until nothing is left to do.
AFTERWARDS: dict[str, Callable[[Zone, Manifest], None]] = dict.fromkeys(NOTICES, destroy_parts)
_log = logging.getLogger(__name__)


def notices_waiting(collection: str, settings: Settings) -> list[str]:
    """Ids of the notices in the inbox that are not applied, nor refused as they lie there; a practice's in order.

    An erasure that was refused is tried again, and told again, for as long as it lies there: somebody still waits for it.
    """
    with opened(settings, role=ERASER) as zone:
        folders = inbox.parcel_folders(zone.inbox)
        claims = {name: inbox.claim(folder) for name, folder in folders.items()}
        ours = {name: claim for name, claim in claims.items() if claim and _is_notice_of(collection, claim)}
        with transaction(zone.store, "look for waiting notices") as connection:
            done = notice.applied(connection, ours)
            refused = ledger.refused_fingerprints(connection, ours)
        new = {name: claim for name, claim in ours.items() if name not in done or _is_left_over(folders[name], claim)}
        return [
            name
            for name, claim in sorted(new.items(), key=lambda item: item[1])
            if claim.kind == ERASURE or (name, inbox.fingerprint(folders[name])) not in refused
        ]


def _is_left_over(folder: Path, claim: inbox.Claim) -> bool:
    """A run was killed between applying it and what is done afterwards."""
    return claim.kind in AFTERWARDS and (folder / part_name(0)).exists()


def _is_notice_of(collection: str, claim: inbox.Claim) -> bool:
    return claim.collection == collection and claim.kind in NOTICES


def take_notices(parcel_ids: Iterable[str], settings: Settings) -> list[Result]:
    """Acts on each; one that fails is told, and the others go on. Raises StoreDown."""
    with opened(settings, role=ERASER) as zone:
        results = [_tried(zone, parcel_id) for parcel_id in parcel_ids]
        give_checkpoint(settings, zone.store)
        return results


def take_notice(folder: Path, settings: Settings) -> Result:
    """One notice, by hand. Raises our errors."""
    with opened(settings, inbox=folder.parent, role=ERASER) as zone:
        told = _take(zone, folder.name)
        give_checkpoint(settings, zone.store)
        return told


def every_notice(settings: Settings) -> list[dict[str, Any]]:
    """What the ledger has of notices, oldest first; counts only."""
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "read the ledger") as connection:
        return notice.every(connection)


def check_all_taken(results: Sequence[Result] | None) -> int:
    """How many were taken. Raises NotAllTaken or NotAllTakenYet, with what each of the others says."""
    if results is None:
        raise NotAllTaken("No notice was looked at: see `take_notices` of this run.")
    failed = [each for each in results if each["state"] == "failed"]
    if failed:
        kind = NotAllTaken if any(each["a_person_must_act"] for each in failed) else NotAllTakenYet
        raise kind(" | ".join(f"{each['parcel_id']}: {each['reason']}" for each in failed))
    return len(results)


def _tried(zone: Zone, parcel_id: str) -> Result:
    try:
        with without_panics():
            return _take(zone, parcel_id)
    except StoreDown:
        raise
    except Exception as foreign:  # its text may quote values, and it must not stop the other practices
        error = as_ours(foreign)
        _log.warning("Notice %s: %s: %s", parcel_id, type(error).__name__, error)
        return _failed(parcel_id, error)


def _take(zone: Zone, parcel_id: str) -> Result:
    manifest = None
    try:
        manifest = notice.signed(zone, parcel_id)
        notice.check_may_be_taken(zone, manifest)
        if manifest.extract_kind in CHECK:
            CHECK[manifest.extract_kind](zone, manifest)
        said = {"parcel_id": parcel_id, "practice_code": manifest.practice_code, "kind": manifest.extract_kind}
        with transaction(zone.store, "enter a notice") as connection:
            ledger.lock_practice(connection, manifest.collection, manifest.practice_code)
            already = notice.enter(connection, manifest)
        faultpoint("notice.entered")
        if not already:
            with transaction(zone.store, "look for the key of a notice") as connection:
                check_notice_is_not_ahead(connection, manifest)
        told: Result = {} if already else APPLY[manifest.extract_kind](zone, notice.opened(zone, manifest))
        faultpoint("notice.applied")
        withdraw_refusal(zone, parcel_id)
        if manifest.extract_kind in AFTERWARDS:
            AFTERWARDS[manifest.extract_kind](zone, manifest)
        return {**said, "state": "already" if already else "applied", **told}
    except PARCELS_OWN_FAULT as error:
        refuse_notice(zone, parcel_id, error, manifest=manifest)
        raise


def _failed(parcel_id: str, error: GPCollectError) -> Result:
    """Whose it is stands in the error, if it was found out; what an unverified manifest says is repeated to nobody."""
    return {
        "parcel_id": parcel_id,
        "practice_code": None,
        "state": "failed",
        "reason": f"{type(error).__name__}: {error}",
        "a_person_must_act": isinstance(error, PersonMustAct),
        "failed": failure(None, "take_notices", error),
    }
