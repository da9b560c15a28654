"""The steps as Airflow runs them: one shard of practices at a time, and a practice that fails fails alone.

The others of its shard go on. Its result says "failed", and the run's last task names it; a step raises only where all
practices of its shard failed, since Airflow would take the others' results away with it.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from crossing.errors import PersonMustAct, TryAgain, as_ours, without_panics
from crossing.failures import PERSON, failure
from crossing.policy import Practice
from source_zone.outcomes import Outcomes
from source_zone.pull import NothingToTake
from source_zone.release import Release, prepare
from source_zone.release_practice import decide_practice, pull_practice, seal_practice, shred_practice
from source_zone.settings import Settings
from source_zone.spool import SpoolMissing, spool_folder
from source_zone.transports.transport import NotReadyYet
from source_zone.windows import Window, window_of_run

WAITS = "waits_for_supplier"
Step = Callable[[Release], dict[str, Any]]


class PracticesFailed(PersonMustAct):
    """Some practices of a shard need a person."""


class PracticesNotReady(TryAgain):
    """Some practices of a shard may succeed later; none needs a person."""


def practices_due(collection: str, settings: Settings, run_id: str = "due") -> list[list[str]]:
    """Shards of practice codes that take part today and have a delivery not taken, or one that cannot be looked at.

    The id of a backfill's run says which window of the past it takes; any other run takes all that is new.
    """
    policy = settings.policy()
    window = window_of_run(run_id, policy.collection(collection).schedule)
    size = policy.collection(collection).practices_per_shard
    today = datetime.now(UTC).date()
    taking_part = [each for each in policy.practices() if each.takes_part_on(today)]
    due = [each for each in taking_part if _has_something(collection, each, settings, window)]
    codes: dict[str, list[str]] = {}
    for practice in due:
        codes.setdefault(practice.supplier, []).append(practice.practice_code)
    return [each[start : start + size] for each in codes.values() for start in range(0, len(each), size)]


def _has_something(collection: str, practice: Practice, settings: Settings, window: Window | None) -> bool:
    """A delivery that cannot even be listed counts as due: its pull will fail and be seen, rather than be passed over.

    A remote supplier is asked by the pull itself, so such a practice is due every time.
    """
    try:
        with without_panics():
            release = prepare(collection, practice, "due", settings, window=window)
            return release.transport.is_remote or bool(release.waiting(release.memory_file().read()))
    except Exception:  # whatever it is, the pull will meet it again and say so in the practice's name
        return True


def pull_shard(collection: str, shard: list[str], run_id: str, settings: Settings) -> list[dict[str, Any]]:
    """A result in state WAITS has `ask_again_at`: ask for that practice again then; nothing of it has been pulled."""
    return _each("pull", _pull_or_wait, collection, shard, run_id, settings)


def decide_shard(collection: str, shard: list[str], run_id: str, settings: Settings) -> list[dict[str, Any]]:
    return _each("apply_opt_outs", decide_practice, collection, shard, run_id, settings)


def seal_shard(collection: str, shard: list[str], run_id: str, settings: Settings) -> list[dict[str, Any]]:
    return _each("pseudonymise", seal_practice, collection, shard, run_id, settings)


def shred_shard(collection: str, shard: list[str], run_id: str, settings: Settings) -> list[dict[str, Any]]:
    return _each("shred", shred_practice, collection, shard, run_id, settings)


def _each(
    name: str, step: Step, collection: str, shard: list[str], run_id: str, settings: Settings
) -> list[dict[str, Any]]:
    policy, outcomes = settings.policy(), Outcomes(settings.memory / collection)
    window = window_of_run(run_id, policy.collection(collection).schedule)
    done, failed = [], []
    for code in shard:
        try:
            with without_panics():
                release = prepare(collection, policy.practice(code), run_id, settings, window=window)
                done.append(_or_already(step, release))
        except Exception as foreign:  # one practice's surprise must not stop the others, nor print what it holds
            error = as_ours(foreign)
            if name == "pull" or spool_folder(settings.spool, code, run_id).exists():  # else it failed before: keep why
                outcomes.record_failure(code, name, error)
            failed.append(failure(code, name, error))
            done.append({"practice_code": code, "state": "failed", "parcels": [], "failed": failed[-1]})
    if len(failed) == len(shard):
        kind = PracticesFailed if any(each["who_acts"] == PERSON for each in failed) else PracticesNotReady
        raise kind(" | ".join(each["message"] for each in failed), practices_failed=failed) from None
    return done


def _pull_or_wait(release: Release) -> dict[str, Any]:
    """No failure where the supplier is still at work: whoever runs the shard asks for this practice again."""
    try:
        return pull_practice(release)
    except NotReadyYet as wait:
        moment = wait.ask_again_at.astimezone(UTC).isoformat(timespec="seconds")
        return {"practice_code": release.practice.practice_code, "state": WAITS, "ask_again_at": moment}


def _or_already(step: Step, release: Release) -> dict[str, Any]:
    """A step cleared and run again after its practice is done finds no spool and nothing waiting: that is no failure."""
    try:
        return step(release)
    except NothingToTake:
        return release.outcomes().already(release.practice.practice_code)
    except SpoolMissing:
        memory = release.memory_file().read()
        if release.waiting(memory):
            raise
        return release.outcomes().already(release.practice.practice_code)


def status(collection: str, settings: Settings) -> list[dict[str, Any]]:
    """How each practice in policy stands: its last outcome, as recorded by the steps."""
    outcomes = Outcomes(settings.memory / collection)
    return [outcomes.read(practice.practice_code) for practice in settings.policy().practices()]
