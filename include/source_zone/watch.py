"""What the source zone finds that somebody must know: practices that fail again, opt-outs that are stale, keys, disks."""

from datetime import UTC, datetime
from pathlib import Path

from crossing.alerts import Alert, AlertPolicy, read_alert_policy
from crossing.expiring_keys import expiring_keys
from crossing.filling_disks import filling_disks
from crossing.key_register import REGISTER_NAME, read_key_register
from source_zone.outcomes import Outcomes
from source_zone.settings import Settings

ZONE = "source"
# Errors that say that a practice's opt-outs as a whole may not be relied on.
_STALE = ("OptOutsStale", "OptOutsAbsent", "OptOutsUnreadable", "OptOutsShrunk", "NoOptOutsAtAll")


def watch(settings: Settings, now: datetime | None = None) -> list[Alert]:
    """Everything there is to tell, whether or not it was told before. Raises PolicyRefused."""
    moment = now or datetime.now(UTC)
    policy = settings.policy()
    wanted = read_alert_policy(policy)
    found = [alert for name in policy.collections() for alert in _of_practices(settings, name, wanted)]
    if (settings.keys / REGISTER_NAME).exists():
        register = read_key_register(settings.keys)
        found += expiring_keys(register, moment, wanted.number("keys_expiring"), ZONE)
    return found + filling_disks(_folders(settings), wanted.number("disk_filling"), ZONE)


def _of_practices(settings: Settings, collection: str, wanted: AlertPolicy) -> list[Alert]:
    outcomes = Outcomes(settings.memory / collection)
    found = []
    for practice in settings.policy().practices():
        outcome = outcomes.read(practice.practice_code)
        if outcome["state"] != "failed":
            continue
        error = str(outcome["error"]).partition(":")[0]
        nights = len(outcome.get("nights", ()))
        where = f"the page of practice {practice.practice_code}, and docs/runbook/{error}.md"
        if error in _STALE:
            found.append(_alert("opt_out_source_stale", practice.practice_code, outcome, where))
        elif nights >= wanted.number("practice_failed"):
            found.append(_alert("practice_failed", practice.practice_code, outcome, where))
    return found


def _alert(kind: str, practice_code: str, outcome: dict[str, object], where: str) -> Alert:
    nights = outcome.get("nights") or ["tonight"]
    since = f"on {len(nights)} nights, since {nights[0]}" if isinstance(nights, list) and len(nights) > 1 else "tonight"
    what = f"{practice_code} failed at {outcome['step']} {since}: {outcome['error']}"
    return Alert(kind=kind, about=practice_code, what=what, where=where)


def _folders(settings: Settings) -> dict[str, Path]:
    return {
        "GP_SOURCE_WORK_DIR": settings.spool,
        "GP_SOURCE_STATE_DIR": settings.memory,
        "GP_LANDING_DIR": settings.landing,
        "GP_OUTBOX_DIR": settings.outbox,
    }
