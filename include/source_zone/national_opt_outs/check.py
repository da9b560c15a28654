"""One check of everybody: what was asked in which requests, and how far each has come. Counts and ids; never a number.

A request is asked (its numbers are sealed here), meant (its first call is about to be made), sent, job_created, and in the
end answered, doubtful (outside policy's band), refused, or overdue. The check as a whole is answered when every request is, complete when
every practice has its allow list, and failed as soon as one request is refused or overdue.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from source_zone.national_opt_outs.errors import ASK_AGAIN, ReplyOverdue, line_of
from source_zone.national_opt_outs.rules import Rules

ASKED, MEANT, SENT, JOB_CREATED = "asked", "meant", "sent", "job_created"
ANSWERED, DOUBTFUL, REFUSED, OVERDUE = "answered", "doubtful", "refused", "overdue"
RUNNING, COMPLETE, FAILED = "running", "complete", "failed"  # of a check; it is also ANSWERED or DOUBTFUL
WAITING = frozenset({ASKED, MEANT, SENT, JOB_CREATED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One message to the service."""

    name: str  # of its sealed files here
    numbers: int
    at: str  # when it got into this state
    state: str = ASKED
    local_id: str = ""  # given at the first call
    message_id: str = ""  # of ours
    reply_id: str = ""  # of the message that brought the answer
    reply_mark: str = ""  # keyed: by which the same answer is known again when it is gone from here
    allowed: int = 0
    error: str = ""

    def moved(self, state: str, now: datetime, **changed: Any) -> "Request":
        return replace(self, state=state, at=now.isoformat(timespec="seconds"), **changed)

    def is_older_than(self, seconds: int, now: datetime) -> bool:
        return datetime.fromisoformat(self.at) + timedelta(seconds=seconds) <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """`number` counts the checks of a collection."""

    number: int
    asked_at: str
    requests: tuple[Request, ...]
    practices: tuple[str, ...]  # whose people were asked about
    not_asked: tuple[str, ...]  # practices that take part and could not be read then
    patients: int  # who may leave
    without_number: int  # of these, who have no valid NHS number: nobody can ask, so they count as opted out
    state: str = RUNNING
    late: tuple[str, ...] = ()  # messages that came to a request that had been given up
    error: str = ""

    @property
    def instant(self) -> datetime:
        return datetime.fromisoformat(self.asked_at)

    def with_request(self, request: Request) -> "Check":
        found = tuple(request if each.name == request.name else each for each in self.requests)
        return replace(self, requests=found)

    def is_to_be_sent(self, rules: Rules, now: datetime) -> bool:
        """Not where its answers would be overdue when they came."""
        waits = self.state == RUNNING and any(each.state in (ASKED, MEANT) for each in self.requests)
        return waits and now < self.instant + rules.overdue_after

    def ended(self, state: str) -> "Check":
        return replace(self, state=state)

    def settled(self, rules: Rules, approved: frozenset[str], now: datetime) -> "Check":
        """What the requests have come to, all together; what has ended stays ended."""
        if self.state in (COMPLETE, FAILED):
            return self
        if self.instant + rules.expires_after <= now:
            return self._too_old(rules)
        waits = any(each.state in WAITING for each in self.requests)
        if waits and self.instant + rules.overdue_after <= now:
            return self._overdue(rules, now)
        seen = tuple(
            each.moved(ANSWERED, now, error="") if each.state == DOUBTFUL and each.local_id in approved else each
            for each in self.requests
        )
        states = {each.state for each in seen}
        return replace(self, requests=seen, state=_state_of(states))

    def _overdue(self, rules: Rules, now: datetime) -> "Check":
        states = Counter(each.state for each in self.requests)
        error = ReplyOverdue(
            f"Check {self.number}: of {len(self.requests)} requests {_waiting(states)} have no answer after "
            f"{rules.overdue_after_hours} hours ({states[ASKED] + states[MEANT]} did not get away, {states[SENT]} had no "
            f"sign of a job, {states[JOB_CREATED]} had one). No allow list is made. Without any sign: see that our mailbox is "
            f"registered for the workflow, and to_mailbox. With one: ask NHS England's service desk. Then: {ASK_AGAIN}"
        )
        gone = tuple(each.moved(OVERDUE, now) if each.state in WAITING else each for each in self.requests)
        return replace(self, requests=gone, state=FAILED, error=line_of(error))

    def _too_old(self, rules: Rules) -> "Check":
        error = ReplyOverdue(
            f"Check {self.number}: it was asked more than {rules.expires_after_days} days ago, so nothing may rest on its answers "
            f"any more, and no allow list is made. See why nobody took them in time. Then: {ASK_AGAIN}"
        )
        return replace(self, state=FAILED, error=line_of(error))

    def counts(self) -> dict[str, Any]:
        """For a task's result and for `status`."""
        answered = [each for each in self.requests if each.state in (ANSWERED, DOUBTFUL)]
        return {
            "check": self.number,
            "state": self.state,
            "asked_at": self.asked_at,
            "requests": dict(sorted(Counter(each.state for each in self.requests).items())),
            "patients": self.patients,
            "without_number": self.without_number,
            "asked": sum(each.numbers for each in self.requests),
            "opted_out": sum(each.numbers - each.allowed for each in answered),
            "practices_not_asked": list(self.not_asked),
            "late": len(self.late),
        }

    def errors(self) -> list[str]:
        """Lines as errors.line_of wrote them."""
        return [each for each in (self.error, *(request.error for request in self.requests)) if each]


def _waiting(states: Counter[str]) -> int:
    return sum(states[each] for each in WAITING)


def _state_of(states: set[str]) -> str:
    if states & {REFUSED, OVERDUE}:
        return FAILED
    if states & WAITING:
        return RUNNING
    return DOUBTFUL if DOUBTFUL in states else ANSWERED


def instant_text(now: datetime) -> str:
    return now.astimezone(UTC).isoformat(timespec="seconds")
