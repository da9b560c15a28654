"""What policy says of the national check: how often, how long an answer is good, how far it is believed, and which mailboxes."""

import re
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import Any

from crossing.connections import CONNECTIONS, ConnectionRefused, read_connection
from crossing.policy import Policy, PolicyRefused

CONNECTION = "national_data_opt_out"
RULES, APPROVED = "opt_outs/national.toml", "opt_outs/approved_replies.csv"
_LIMIT_DAYS = 21  # NHS England: an opt-out is upheld within 21 days of its registration
_MOST_IN_ONE_CHUNK = 4_000_000  # at 12 bytes each: a request is one chunk of one message
_APPROVAL = {"local_id", "approved_by", "until", "why"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Our mailbox and the service's, as policy/connections.toml says."""

    url: str
    mailbox: str
    to_mailbox: str
    from_mailboxes: list[str]
    workflow_id: str
    unclear_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """policy/opt_outs/national.toml."""

    recheck_after_days: int
    expires_after_days: int
    overdue_after_hours: int
    largest_request: int
    judged_from: int
    lowest_share: float
    highest_share: float

    @property
    def recheck_after(self) -> timedelta:
        return timedelta(days=self.recheck_after_days)

    @property
    def expires_after(self) -> timedelta:
        return timedelta(days=self.expires_after_days)

    @property
    def overdue_after(self) -> timedelta:
        return timedelta(hours=self.overdue_after_hours)


def is_set_up(policy: Policy) -> bool:
    return CONNECTION in policy.table(CONNECTIONS)


def read_service(policy: Policy) -> Service:
    """Raises ConnectionRefused. A mailbox's name is part of our ids for messages, so it must be plain."""
    service = read_connection(Service, CONNECTION, "mesh", policy)
    names = [service.mailbox, service.to_mailbox, *service.from_mailboxes]
    if not service.from_mailboxes or not all(re.fullmatch(r"[A-Z0-9]{4,20}", each) for each in names):
        raise ConnectionRefused(
            f"policy/{CONNECTIONS}, {CONNECTION}: mailbox, to_mailbox or from_mailboxes is not a mailbox's name. Correct it."
        )
    return service


def read_rules(policy: Policy) -> Rules:
    """Raises PolicyRefused for a key we do not know, one without its reasons, and a value out of its bounds."""
    content = policy.table(RULES)
    known = {each.name for each in fields(Rules)}
    if set(content) != known:
        missing, unknown = sorted(known - set(content)), sorted(set(content) - known)
        raise PolicyRefused(f"policy/{RULES}: missing keys {missing}, unknown keys {unknown}. Correct the file.")
    faulty = sorted(name for name, line in content.items() if not _is_reasoned(line))
    if faulty:
        raise PolicyRefused(f"policy/{RULES}: {faulty} must have value, why and source, and nothing else. Correct it.")
    rules = Rules(**{name: line["value"] for name, line in content.items()})
    _check_bounds(rules)
    return rules


def _is_reasoned(line: Any) -> bool:
    said = isinstance(line, dict) and set(line) == {"value", "why", "source"}
    return said and all(str(line[key]).strip() for key in ("why", "source")) and type(line["value"]) in (int, float)


def _check_bounds(rules: Rules) -> None:
    bounds = {
        f"expires_after_days is above {_LIMIT_DAYS}, the regulatory limit": rules.expires_after_days > _LIMIT_DAYS,
        "recheck_after_days is not from 1 to below expires_after_days": not (
            1 <= rules.recheck_after_days < rules.expires_after_days
        ),
        "overdue_after_hours is not from 1 to below recheck_after_days": not (
            1 <= rules.overdue_after_hours < 24 * rules.recheck_after_days
        ),
        f"largest_request is not from 1 to {_MOST_IN_ONE_CHUNK}": not 1 <= rules.largest_request <= _MOST_IN_ONE_CHUNK,
        "judged_from is below 1": rules.judged_from < 1,
        "lowest_share is not above nought and below highest_share, and that below one": not (
            0 < rules.lowest_share < rules.highest_share < 1
        ),
    }
    faults = [fault for fault, is_so in bounds.items() if is_so]
    if faults:
        raise PolicyRefused(f"policy/{RULES}: {'; '.join(faults)}. Correct the file.")


def approvals(policy: Policy, today: date) -> frozenset[str]:
    """Local ids of the answers that somebody has asked about. Raises PolicyRefused for a line that lacks something."""
    return frozenset(row["local_id"] for row in policy.rows(APPROVED) if _until(row) >= today)


def _until(row: dict[str, str]) -> date:
    try:
        if set(row) == _APPROVAL and all(cell.strip() for cell in row.values()):
            return date.fromisoformat(row["until"])
    except (ValueError, AttributeError):
        pass
    raise PolicyRefused(
        f"policy/{APPROVED}: a line lacks one of {', '.join(sorted(_APPROVAL))}, or `until` is no date. Correct the file."
    )
