"""Backfill: what was delivered in a window of the past and never taken, as far as it still lies there. Nothing twice."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from crossing.errors import GPCollectError, PersonMustAct, as_ours, without_panics
from crossing.policy import Practice
from source_zone.outcomes import Outcomes
from source_zone.release import Progress, prepare
from source_zone.release_practice import release_practice
from source_zone.settings import Settings
from source_zone.windows import Window


class NotTakingPart(PersonMustAct):
    """The practice takes no part today, so nothing of its past is collected either."""


def practices_to_backfill(codes: list[str] | None, settings: Settings) -> list[Practice]:
    """Those named, or all that take part today. Raises NotTakingPart, PolicyRefused."""
    policy, today = settings.policy(), datetime.now(UTC).date()
    if codes is None:
        return [each for each in policy.practices() if each.takes_part_on(today)]
    named = [policy.practice(code) for code in codes]
    for each in named:
        if not each.takes_part_on(today):
            raise NotTakingPart(f"{each.practice_code} takes no part today. Nothing is collected of it, old or new.")
    return named


def backfill(
    collection: str, practices: list[Practice], window: Window, settings: Settings, progress: Progress
) -> Iterator[tuple[dict[str, Any], GPCollectError | None]]:
    """An outcome for each run of each practice; one that fails is told, and the others go on."""
    for practice in practices:
        try:
            with without_panics():
                for outcome in _until_nothing_is_left(collection, practice, window, settings, progress):
                    yield outcome, None
        except Exception as foreign:  # one practice's surprise must not stop the others, nor print what it holds
            error = as_ours(foreign)
            Outcomes(settings.memory / collection).record_failure(practice.practice_code, "backfill", error)
            yield {"practice_code": practice.practice_code, "state": "failed", "parcels": []}, error


def _until_nothing_is_left(
    collection: str, practice: Practice, window: Window, settings: Settings, progress: Progress
) -> Iterator[dict[str, Any]]:
    """Late deliveries and new ones are taken in runs of their own, so there may be two. "already" where there is none."""
    taken = False
    while True:
        release = prepare(collection, practice, uuid.uuid4().hex, settings, progress=progress, window=window)
        outcome = release_practice(release)
        if outcome["state"] == "released" or not taken:
            yield outcome
        if outcome["state"] != "released":
            return
        taken = True
