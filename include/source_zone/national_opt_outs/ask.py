"""Ask: everybody who may leave any practice that takes part, in as few requests as policy allows, when the last answer ages.

What is asked is sealed on disk before the check is written down, and the check is written down before anything is sent: a
run killed anywhere is ended by the next, and a check that runs is never doubled.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from crossing.connections import Secrets
from crossing.errors import GPCollectError, as_ours, without_panics
from crossing.mesh_mailbox import Mailbox
from source_zone.national_opt_outs.check import COMPLETE, RUNNING, Check, Request, instant_text
from source_zone.national_opt_outs.errors import NothingToAsk, PracticesNotAsked, line_of, raise_any, told_again
from source_zone.national_opt_outs.kept_checks import KeptChecks, kept_checks
from source_zone.national_opt_outs.local_ids import LocalIds
from source_zone.national_opt_outs.may_be_asked import MayLeave, everybody, may_leave, release_of
from source_zone.national_opt_outs.number_file import to_file
from source_zone.national_opt_outs.rules import (
    CONNECTION,
    Rules,
    Service,
    is_set_up,
    read_rules,
    read_service,
)
from source_zone.national_opt_outs.send_requests import Sending
from source_zone.settings import Settings

NOT_SET_UP, NOT_DUE = "not_set_up", "not_due"
_CLOCKS_DIFFER = timedelta(days=1)


def check_national_opt_outs(
    collection: str, settings: Settings, *, again: bool = False, now: datetime | None = None
) -> dict[str, Any]:
    """Asks if it is time, or if a person says `again`; ends first what a killed run began. Returns state and counts.

    Raises what stopped the last check until somebody asks again or it is time anyway; PracticesNotAsked, after the others'
    were asked about; NotSureYet, MeshDown, MeshRefused.
    """
    policy, now = settings.policy(), now or datetime.now(UTC)
    if not is_set_up(policy):
        return {"state": NOT_SET_UP, "parcels": []}
    rules, service, kept = read_rules(policy), read_service(policy), kept_checks(collection, settings)
    with kept.lock():  # whether an answer is overdue is for `take` to say, once it has looked
        last = kept.current()
        if last is not None and not _is_due(last, rules, now, again=again):
            return _not_asked(last, kept, service, rules, settings, now)
        check, failed = _begin(collection, settings, kept, rules, last, now)
        _send(check, kept, service, settings, now)
    if failed:
        lines = " | ".join(f"{code}: {line_of(error)}" for code, error in failed.items())
        raise PracticesNotAsked(
            f"{len(failed)} practices' people were not asked about, and get no new allow list: {lines}"
        )
    return check_now(kept).counts() | {"parcels": []}


def _is_due(last: Check, rules: Rules, now: datetime, *, again: bool) -> bool:
    """A person may have everything asked again unless a check is running. A check of days to come was dated by a wrong clock."""
    in_time = last.instant - _CLOCKS_DIFFER <= now < last.instant + rules.recheck_after
    return (again and last.state != RUNNING) or not in_time


def _not_asked(
    last: Check, kept: KeptChecks, service: Service, rules: Rules, settings: Settings, now: datetime
) -> dict[str, Any]:
    if last.is_to_be_sent(rules, now):
        _send(last, kept, service, settings, now)
    raise_any([told_again(line) for line in last.errors()])
    counts = check_now(kept).counts() | {"parcels": []}
    return counts | {"state": NOT_DUE} if last.state == COMPLETE else counts


def _begin(
    collection: str, settings: Settings, kept: KeptChecks, rules: Rules, last: Check | None, now: datetime
) -> tuple[Check, Mapping[str, GPCollectError]]:
    """A new check, sealed and written down; and why some practices are not in it. Raises NothingToAsk."""
    found, failed = _everyone(collection, settings, now)
    numbers = everybody(list(found.values()))
    if not len(numbers):
        raise_any(list(failed.values()))
        raise NothingToAsk(
            f"{collection}: {len(found)} practices know nobody with a valid NHS number who may leave. Nobody was asked about; "
            "collect a practice first, and see why its people are held back: gp-source status"
        )
    kept.destroy()  # what was asked before is given up
    number = last.number + 1 if last else 1
    requests: list[Request] = []
    for start in range(0, len(numbers), rules.largest_request):
        some = numbers[start : start + rules.largest_request]
        name = f"{number:05d}-{len(requests) + 1:04d}"
        kept.seal(f"{name}.asked", to_file(some))
        requests.append(Request(name=name, numbers=len(some), at=instant_text(now)))
    check = Check(
        number=number,
        asked_at=instant_text(now),
        requests=tuple(requests),
        practices=tuple(sorted(found)),
        not_asked=tuple(sorted(failed)),
        patients=sum(each.patients for each in found.values()),
        without_number=sum(each.without_number for each in found.values()),
    )
    return kept.write(check), failed


def _everyone(
    collection: str, settings: Settings, now: datetime
) -> tuple[dict[str, MayLeave], dict[str, GPCollectError]]:
    """Of each practice that takes part: its people, or why they cannot be read. One that fails fails alone."""
    found: dict[str, MayLeave] = {}
    failed: dict[str, GPCollectError] = {}
    for practice in settings.policy().practices():
        if not practice.takes_part_on(now.date()):
            continue
        try:
            with without_panics():
                people = may_leave(release_of(collection, practice, settings))
        except Exception as foreign:  # one practice's surprise must not stop the others, nor print what it holds
            failed[practice.practice_code] = as_ours(foreign)
            continue
        if people.patients:
            found[practice.practice_code] = people
    return found, failed


def _send(check: Check, kept: KeptChecks, service: Service, settings: Settings, now: datetime) -> None:
    """Whatever of a running check has not got away."""
    mailbox = mailbox_of(service, settings)
    with mailbox.open() as opened:
        Sending(service, opened, LocalIds(mailbox.state, service.mailbox), kept, now).send_all(check)


def mailbox_of(service: Service, settings: Settings) -> Mailbox:
    state = settings.landing / ".mesh" / service.mailbox
    return Mailbox(
        f"connection {CONNECTION}", service.url, service.mailbox, Secrets.of(CONNECTION, settings.keys), state
    )


def check_now(kept: KeptChecks) -> Check:
    check = kept.current()
    if check is None:
        raise NothingToAsk("Nothing has been asked yet.")
    return check
