"""The opt-outs of every practice of a collection, one after another: one that fails is told, and the others go on."""

from pathlib import Path
from typing import Any

from crossing.errors import GPCollectError, PersonMustAct, TryAgain, as_ours, without_panics
from crossing.failures import failure
from crossing.policy import Practice
from source_zone.memory import PracticeBusy
from source_zone.release import Release, prepare
from source_zone.settings import Settings
from source_zone.uphold_opt_outs import uphold_practice

Counts = dict[str, Any]
NOTHING_DELIVERED = ".nothing"
_COUNTED = ("erased", "sent_again", "wait_for_whole")


class NotAllUpheld(PersonMustAct):
    """At some practices opt-outs could not be upheld, and trying again cannot help."""


class NotAllUpheldYet(TryAgain):
    """At some practices opt-outs could not be upheld yet; trying again may do it."""


def uphold_practices(collection: str, run_id: str, settings: Settings) -> Counts:
    """What left, in ids and counts, and what each practice that failed says. Safe to repeat."""
    said: Counts = {
        "parcels": [],
        "failed": {},
        "practices_failed": [],
        "a_person_must_act": False,
        "busy": 0,
        **dict.fromkeys(_COUNTED, 0),
    }
    known = {each.practice_code: each for each in settings.policy().practices()}  # read once, and not once a practice
    for code in _remembered(settings.memory / collection):
        try:
            with without_panics():
                practice = known.get(code) or settings.policy().practice(code)
                result = uphold_practice(_prepared(collection, practice, run_id, settings))
        except PracticeBusy:  # a night's step holds it; the next upholding, after that night or in an hour, looks again
            said["busy"] += 1
            continue
        except Exception as foreign:  # one practice's surprise must not stop the others, nor print what it holds
            _note(said, code, as_ours(foreign))
            continue
        said["parcels"] += result["parcels"]
        for name in _COUNTED:
            said[name] += result.get(name, 0)
    return said


def _prepared(collection: str, practice: Practice, run_id: str, settings: Settings) -> Release:
    """Where the way in is gone, with the practice perhaps, only a re-extract is out of reach: an erasure is still asked for."""
    try:
        return prepare(collection, practice, run_id, settings)
    except GPCollectError:
        return prepare(collection, practice, run_id, settings, folder=settings.memory / collection / NOTHING_DELIVERED)


def check_all_upheld(said: Counts | None) -> None:
    """Raises NotAllUpheld or NotAllUpheldYet, naming practices; also where nothing was said, since the step failed whole."""
    if said is None:
        raise NotAllUpheld("No practice's opt-outs were looked at: see `ask_for_erasures` of this run.")
    if said["failed"]:
        told = " | ".join(f"{code}: {reason}" for code, reason in sorted(said["failed"].items()))
        raise (NotAllUpheld if said["a_person_must_act"] else NotAllUpheldYet)(told)


def _remembered(folder: Path) -> list[str]:
    """Every practice of which anything ever left, whether or not it takes part today: an objection outlives that."""
    return sorted(path.parent.name for path in folder.glob("*/memory.sealed"))


def _note(said: Counts, code: str, error: GPCollectError) -> None:
    said["failed"][code] = f"{type(error).__name__}: {error}"
    said["practices_failed"].append(failure(code, "ask_for_erasures", error))
    said["a_person_must_act"] |= isinstance(error, PersonMustAct)
