"""The central zone's story. A parcel is received, validated and loaded; one that fails is written down and the rest go on.

Results hold ids, practice codes, counts and states only: they travel through Airflow.
"""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from central_zone import inbox, ledger
from central_zone.admit import admit
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.commit import commit
from central_zone.decide import decide_on
from central_zone.decisions.held import Held, held_parcels
from central_zone.errors import (
    HeldForSteward,
    NotAllLoaded,
    NotAllLoadedYet,
    StoreDown,
    WaitsForEarlier,
)
from central_zone.finish_killed import finish_killed
from central_zone.gaps import Gap, gaps
from central_zone.judge import judge, judge_or_say_why_not
from central_zone.ledger import Entry
from central_zone.places import Place
from central_zone.settings import Settings
from central_zone.settle import is_settled
from central_zone.skip_place import skip_place
from central_zone.stage import tables_of
from central_zone.store.connection import store_of, transaction
from central_zone.store.role_names import AUDITOR, LOADER, STEWARD
from central_zone.zone import Zone, opened
from crossing.canonical import BRIDGE, NOTICES
from crossing.errors import GPCollectError, PersonMustAct, as_ours, without_panics
from crossing.failures import failure

Result = dict[str, Any]
_TO_VALIDATE = (ledger.RECEIVED, ledger.VALIDATED, ledger.APPROVED)
_OUR_CODE = Path(__file__).parent
_log = logging.getLogger(__name__)


def parcels_waiting(collection: str, settings: Settings) -> list[list[str]]:
    """Ids of the parcels of the inbox that are not settled, in shards; a practice's own together and in order."""
    with opened(settings, role=LOADER) as zone:
        folders = inbox.parcel_folders(zone.inbox)
        with transaction(zone.store, "look for waiting parcels") as connection:
            known = ledger.states(connection, folders)
            refused = ledger.refused_fingerprints(connection, folders)
        finish_killed(zone, known.values())
        new = [name for name, folder in sorted(folders.items()) if _is_to_be_tried(folder, known.get(name), refused)]
        claims = [(name, inbox.claim(folders[name])) for name in new]
        ours = [(name, claim) for name, claim in claims if claim is None or _brings_records_of(collection, claim)]
        return inbox.shards(ours, zone.policy.collection(collection).parcels_per_shard)


def _brings_records_of(collection: str, claim: inbox.Claim) -> bool:
    return claim.collection == collection and claim.kind not in NOTICES


def _is_to_be_tried(folder: Path, entry: Entry | None, refused: set[tuple[str, str]]) -> bool:
    if entry and (
        entry.state in (*ledger.TAKEN_IN, ledger.HELD) or (entry.decided_by and entry.state == ledger.REFUSED)
    ):
        return False
    return (folder.name, inbox.fingerprint(folder)) not in refused


def receive_shard(collection: str, parcel_ids: list[str], settings: Settings) -> list[Result]:
    """Verifies and stages each parcel. Raises StoreDown; what is wrong with one parcel only stops that parcel."""
    with opened(settings, role=LOADER) as zone:
        return [_tried(zone, parcel_id, admit, "receive") for parcel_id in parcel_ids]


def validate_shard(collection: str, parcel_ids: list[str], settings: Settings) -> list[Result]:
    """Validates the parcels that were received. Raises StoreDown, or PersonMustAct where a rule cannot be carried out."""
    with opened(settings, role=LOADER) as zone:
        received = [entry.parcel_id for entry in _in_state(zone, parcel_ids, _TO_VALIDATE)]
        tried = {parcel_id: _tried(zone, parcel_id, _stage, "validate") for parcel_id in received}
        failed = {parcel_id: result for parcel_id, result in tried.items() if "failed" in result}
        staged = _in_state(zone, [parcel_id for parcel_id in received if parcel_id not in failed])
        for parcel_id, error in judge_or_say_why_not(zone, staged).items():
            failed[parcel_id] = _failed(zone, parcel_id, "validate", error)
        return [failed.get(entry.parcel_id) or _result(entry) for entry in _in_state(zone, parcel_ids)]


def _stage(zone: Zone, parcel_id: str) -> Entry:
    """Once more, in case the staged rows were lost since the parcel was received."""
    (entry,) = _in_state(zone, [parcel_id])
    if entry.extract_kind != BRIDGE:
        tables_of(zone, entry)
    return entry


def load_shard(collection: str, parcel_ids: list[str], settings: Settings) -> list[Result]:
    """Loads what is validated or approved, one transaction a parcel. Raises StoreDown."""
    with opened(settings, role=LOADER) as zone:
        known = [entry.parcel_id for entry in _in_state(zone, parcel_ids)]
        results = [_tried(zone, parcel_id, commit, "load") for parcel_id in known]
        give_checkpoint(settings, zone.store)
        return results


def load_parcel(folder: Path, settings: Settings) -> Result:
    """All the steps for one parcel. The state says "already" where it was loaded before. Raises our errors."""
    with opened(settings, inbox=folder.parent, role=LOADER) as zone:
        entry = admit(zone, folder.name)
        if entry.state in ledger.TAKEN_IN:
            return {**_result(commit(zone, entry.parcel_id)), "state": "already"}
        if entry.state in _TO_VALIDATE:
            judge(zone, [entry])
            entry = commit(zone, entry.parcel_id)
        give_checkpoint(settings, zone.store)
        return _result(entry)


def held(collection: str, parcel_ids: Iterable[str] | None, settings: Settings) -> list[Held]:
    """Those of these parcels that are held, all that are where None, with what a steward compares them with. Raises StoreDown."""
    with opened(settings, role=STEWARD) as zone:
        return held_parcels(zone, collection, parcel_ids)


def decide(parcel_id: str, *, approve: bool, by: str, reason: str, settings: Settings) -> Result:
    """A steward's word on a held parcel; see decide_on. Raises NotHeld or DecisionRefused."""
    with opened(settings, role=STEWARD) as zone:
        return _result(decide_on(zone, parcel_id, approve=approve, by=by, reason=reason))


def not_loaded(result: Result) -> list[GPCollectError]:
    """The error that one result stands for; none where the parcel is loaded."""
    if result["state"] in (*ledger.TAKEN_IN, "already"):
        return []
    where = f"{result['practice_code']}, parcel {result['sequence']}"
    if result["state"] == ledger.HELD:
        return [
            HeldForSteward(f"{where} is held: {result['reason']} Decide with: gp-central decide {result['parcel_id']}")
        ]
    return [NotAllLoaded(f"{where} is {result['state']}: {result['reason']}")]


def ledger_entries(settings: Settings) -> list[dict[str, Any]]:
    """Every parcel the ledger knows, oldest first."""
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "read the ledger") as connection:
        return ledger.entries(connection)


def gaps_of(settings: Settings) -> list[Gap]:
    """Practices whose sequence does not go on: what is missing, what waits, since when."""
    with store_of(settings.store_url_of(AUDITOR)) as store, transaction(store, "look for gaps") as connection:
        return gaps(connection)


def skip(collection: str, practice_code: str, sequence: int, *, by: str, reason: str, settings: Settings) -> Result:
    """A steward gives up a parcel that will never come; see skip_place. Raises NothingToSkip or DecisionRefused."""
    place = Place(
        parcel_id="",
        collection=collection,
        practice_code=practice_code,
        sequence=sequence,
        previous_manifest_sha256=None,
    )
    with opened(settings, role=STEWARD) as zone:
        waiting = skip_place(zone, place, by=by, reason=reason)
    return {"practice_code": practice_code, "sequence": sequence, "state": "skipped", "waiting": waiting}


def account_for(collection: str, parcel_ids: Iterable[str], settings: Settings) -> None:
    """Raises NotAllLoaded or NotAllLoadedYet, naming the practices whose parcel did not load, so that no run hides one."""
    wanted = list(parcel_ids)
    with opened(settings, role=LOADER) as zone:
        found = {entry.parcel_id: entry for entry in _in_state(zone, wanted)}
        for entry in found.values():
            if entry.state in ledger.TAKEN_IN and not is_settled(zone, entry):
                commit(zone, entry.parcel_id)
    not_loaded = [entry for entry in found.values() if entry.state not in ledger.TAKEN_IN]
    unknown = len(wanted) - len(found)
    if not not_loaded and not unknown:
        return
    told = [f"{entry.practice_code} parcel {entry.sequence} {entry.state}" for entry in not_loaded]
    if unknown:
        told.append(f"{unknown} refused before it was known whose they are")
    loaded = len(found) - len(not_loaded)
    message = f"{collection}: {loaded} loaded, not loaded: {'; '.join(told)}. See: gp-central ledger"
    nobody_need_act = not unknown and all(_may_yet_load(entry) for entry in not_loaded)
    raise NotAllLoadedYet(message) if nobody_need_act else NotAllLoaded(message)


def _may_yet_load(entry: Entry) -> bool:
    """A reason is written beside these states only where a person must act."""
    return entry.state == ledger.WAITING or (entry.state in _TO_VALIDATE and entry.state_reason is None)


def _in_state(zone: Zone, parcel_ids: Iterable[str], wanted: Iterable[str] | None = None) -> list[Entry]:
    """The parcels the ledger knows, in the order given, of any state or of the states wanted."""
    ids = list(parcel_ids)
    with transaction(zone.store, "look into the ledger") as connection:
        found = ledger.states(connection, ids)
    entries = [found[parcel_id] for parcel_id in ids if parcel_id in found]
    return entries if wanted is None else [entry for entry in entries if entry.state in wanted]


def _tried(zone: Zone, parcel_id: str, step: Callable[[Zone, str], Entry], name: str) -> Result:
    """One step of one parcel. Its failure is written down and told; only a store that is down stops the others."""
    try:
        with without_panics():
            return _result(step(zone, parcel_id))
    except StoreDown:
        raise
    except GPCollectError as error:
        return _failed(zone, parcel_id, name, error)
    except Exception as error:  # its text may quote values, and it must not stop the other practices
        return _failed(zone, parcel_id, name, as_ours(error))


def _failed(zone: Zone, parcel_id: str, step: str, error: GPCollectError) -> Result:
    _log.warning("Parcel %s: %s: %s", parcel_id, type(error).__name__, error)
    with transaction(zone.store, "note a failure") as connection:
        entry = ledger.states(connection, [parcel_id]).get(parcel_id)
        if entry and isinstance(error, PersonMustAct) and entry.state in _TO_VALIDATE:
            ledger.mark(connection, parcel_id, state_reason=f"{type(error).__name__}: {error}")
    if entry is None:
        return {
            "parcel_id": parcel_id,
            "practice_code": None,
            "sequence": None,
            "state": "refused",
            "reason": str(error),
            "failed": failure(None, step, error),
        }
    if isinstance(error, WaitsForEarlier):  # a state of the ledger, and somebody else's move: not a failure
        return {**_result(entry), "reason": str(error)}
    return {**_result(entry), "reason": str(error), "failed": failure(entry.practice_code, step, error)}


def _result(entry: Entry) -> Result:
    return {
        "parcel_id": entry.parcel_id,
        "practice_code": entry.practice_code,
        "sequence": entry.sequence,
        "state": entry.state,
        "reason": entry.state_reason,
        "rows": sum(entry.rows_loaded.values()),
    }
