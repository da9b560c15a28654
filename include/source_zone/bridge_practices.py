"""Every practice of a collection brought to the newest token key, also those that deliver nothing or have stopped taking part."""

from typing import Any

from crossing.errors import PersonMustAct, TryAgain, as_ours, without_panics
from source_zone.bridge import move_to_next_key, needs_bridge
from source_zone.memory import PracticeBusy
from source_zone.recover import finish_what_was_begun
from source_zone.release import Release, prepare
from source_zone.settings import Settings

Counts = dict[str, Any]
_NO_DELIVERY = ".nothing"


class NotAllBridged(PersonMustAct):
    """Some practices stay under an older key, and trying again cannot help."""


class NotAllBridgedYet(TryAgain):
    """Some practices could not be brought to the newest key yet; trying again may do it."""


def bridge_practices(collection: str, run_id: str, settings: Settings) -> Counts:
    """What left, in ids and counts, and what each practice that failed says. Safe to repeat."""
    said: Counts = {"parcels": [], "already": 0, "failed": {}, "a_person_must_act": False}
    for code in remembered(collection, settings):
        try:
            with without_panics():
                left = _bridge(_prepared(collection, code, run_id, settings))
        except Exception as foreign:  # one practice's surprise must not stop the others, nor print what it holds
            error = as_ours(foreign)
            said["failed"][code] = f"{type(error).__name__}: {error}"
            said["a_person_must_act"] |= isinstance(error, PersonMustAct) and not isinstance(error, PracticeBusy)
            continue
        said["already"] += not left
        said["parcels"] += left
    return said


def check_all_bridged(said: Counts) -> None:
    """Raises NotAllBridged or NotAllBridgedYet, naming practices."""
    if said["failed"]:
        told = " | ".join(f"{code}: {reason}" for code, reason in sorted(said["failed"].items()))
        raise (NotAllBridged if said["a_person_must_act"] else NotAllBridgedYet)(told)


def remembered(collection: str, settings: Settings) -> list[str]:
    """The practices of which anything ever left, or was about to when a run was killed."""
    return sorted({path.parent.name for path in (settings.memory / collection).glob("*/memory*.sealed")})


def _prepared(collection: str, code: str, run_id: str, settings: Settings) -> Release:
    """No delivery is looked at, so it makes no difference whether the supplier's way in is open."""
    nothing = settings.memory / collection / _NO_DELIVERY
    return prepare(collection, settings.policy().practice(code), run_id, settings, folder=nothing)


def _bridge(release: Release) -> list[str]:
    left = []
    with release.memory_file().lock():
        memory = finish_what_was_begun(release)
        while needs_bridge(release, memory):
            memory = move_to_next_key(release, memory)
            left.append(memory.parcel_id or "")
    return left
