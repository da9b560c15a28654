"""Take: the service's answers out of the mailbox, and when all are in and believed, an allow list for each practice.

As long as one answer is missing or not believed there is no new allow list at all: the old ones stay and expire.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from crossing.errors import GPCollectError, as_ours, without_panics
from source_zone.national_opt_outs.ask import NOT_SET_UP, mailbox_of
from source_zone.national_opt_outs.check import ANSWERED, COMPLETE, FAILED, Check
from source_zone.national_opt_outs.errors import PracticesNotListed, line_of, raise_any, told_again
from source_zone.national_opt_outs.kept_checks import KeptChecks, ids_of_others, kept_checks
from source_zone.national_opt_outs.list_allowed import AllowLists
from source_zone.national_opt_outs.local_ids import LocalIds
from source_zone.national_opt_outs.may_be_asked import release_of
from source_zone.national_opt_outs.number_file import union
from source_zone.national_opt_outs.read_replies import Reading
from source_zone.national_opt_outs.rules import Rules, Service, approvals, is_set_up, read_rules, read_service
from source_zone.national_opt_outs.send_requests import Sending
from source_zone.send import NotSureYet
from source_zone.settings import Settings

NEVER_ASKED = "never_asked"


def take_national_answers(collection: str, settings: Settings, *, now: datetime | None = None) -> dict[str, Any]:
    """State and counts, and as `parcels` the ids of the notices that left. While answers are waited for it is `running`.

    Raises what is wrong with the check or the mailbox; PracticesNotListed, after the others' lists have left; MeshDown,
    MeshRefused.
    """
    policy, now = settings.policy(), now or datetime.now(UTC)
    if not is_set_up(policy):
        return {"state": NOT_SET_UP, "parcels": []}
    rules, service, kept = read_rules(policy), read_service(policy), kept_checks(collection, settings)
    with kept.lock():
        errors = _read(collection, settings, service, rules, kept, now)
        check = _settled(kept, rules, approvals(policy, now.date()), now)
        if check is None:
            raise_any(errors)
            return {"state": NEVER_ASKED, "parcels": []}
        parcels: list[str] = []
        if check.state == ANSWERED:
            check, parcels, failed = _publish(collection, settings, rules, kept, check)
            errors += failed
    raise_any([*errors, *(told_again(line) for line in check.errors())])
    return check.counts() | {"parcels": parcels}


def _read(
    collection: str, settings: Settings, service: Service, rules: Rules, kept: KeptChecks, now: datetime
) -> list[GPCollectError]:
    """Ends first the sending that a killed run began; a first call that is not clear yet is left to the next run."""
    mailbox, others = mailbox_of(service, settings), ids_of_others(collection, settings)
    with mailbox.open() as opened:
        check = kept.current()
        if check is not None and check.is_to_be_sent(rules, now):
            with suppress(NotSureYet):
                Sending(service, opened, LocalIds(mailbox.state, service.mailbox), kept, now).send_all(check)
        reading = Reading(service, rules, opened, kept, now, others, kept.current())
        reading.read_all()
    return reading.errors


def _settled(kept: KeptChecks, rules: Rules, approved: frozenset[str], now: datetime) -> Check | None:
    """The check as it stands now, written down. What was asked and answered is destroyed once it is over."""
    last = kept.current()
    if last is None:
        return None
    check = last.settled(rules, approved, now)
    if check != last:
        kept.write(check)
    if check.state in (COMPLETE, FAILED):
        kept.destroy()
    return check


def _publish(
    collection: str, settings: Settings, rules: Rules, kept: KeptChecks, check: Check
) -> tuple[Check, list[str], list[GPCollectError]]:
    """The check is complete, and its answers are destroyed, when the last practice has its list."""
    allowed = union(kept.numbers(f"{each.name}.reply") for each in check.requests)
    lists = AllowLists(kept.folder, check.number, check.instant, check.instant + rules.expires_after)
    left: list[str | None] = []
    failed = {}
    for practice in settings.policy().practices():
        if practice.practice_code not in check.practices or not practice.takes_part_on(check.instant.date()):
            continue
        try:
            with without_panics():
                left.append(lists.publish(release_of(collection, practice, settings), allowed))
        except Exception as foreign:  # one practice's surprise must not stop the others, nor print what it holds
            failed[practice.practice_code] = as_ours(foreign)
    parcels = [each for each in left if each]
    if not failed:
        check = kept.write(check.ended(COMPLETE))
        kept.destroy()
        return check, parcels, []
    lines = " | ".join(f"{code}: {line_of(error)}" for code, error in failed.items())
    said = f"{len(failed)} practices have no new allow list, and their old ones expire; the others have theirs: {lines}"
    return check, parcels, [PracticesNotListed(said)]


def drop(collection: str, message_id: str, settings: Settings) -> dict[str, Any]:
    """A person's word that a message shall never be read. Raises MessageGone."""
    policy = settings.policy()
    service = read_service(policy)
    with kept_checks(collection, settings).lock(), mailbox_of(service, settings).open() as opened:
        opened.acknowledge(message_id)
    return {"dropped": message_id}
