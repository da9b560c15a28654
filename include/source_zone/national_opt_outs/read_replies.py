"""Reads the service's answers out of our mailbox. MESH is told to forget a message only when what it said is on disk here.

An answer is never on disk in clear: it is read into memory, judged, and sealed.
"""

import io
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from crossing.errors import GPCollectError, PersonMustAct
from crossing.mesh_answers import MessageGone
from crossing.mesh_envelope import REPORT, Envelope, MessageRefused, NotDeliveredYet, non_delivery
from crossing.mesh_mailbox import OpenMailbox
from source_zone.national_opt_outs.check import (
    ANSWERED,
    ASKED,
    COMPLETE,
    DOUBTFUL,
    FAILED,
    JOB_CREATED,
    REFUSED,
    RUNNING,
    WAITING,
    Check,
    Request,
)
from source_zone.national_opt_outs.errors import (
    ASK_AGAIN,
    KeptUnreadable,
    RepliesDiffer,
    ReplyLarger,
    ReplyLate,
    ReplyNotOurs,
    line_of,
)
from source_zone.national_opt_outs.judge_reply import check_job, check_share, is_job, judge, largest_reply
from source_zone.national_opt_outs.kept_checks import KeptChecks
from source_zone.national_opt_outs.number_file import to_file
from source_zone.national_opt_outs.rules import Rules, Service

NOBODYS_ID, OTHER_SENDER, NO_REPORT_OF_OURS, UNREADABLE = (
    "with an id that is not of a request of ours",
    "from a sender that policy does not name",
    "as reports on something else",
    "with headers that cannot be read",
)


class _Limited(io.BytesIO):
    """Takes so much and no more, whatever a message unpacks to."""

    def __init__(self, largest: int, request: Request) -> None:
        super().__init__()
        self._largest, self._request = largest, request

    def write(self, block: object) -> int:
        if self.tell() + len(bytes(block)) > self._largest:  # type: ignore[call-overload]
            raise ReplyLarger(
                f"Request {self._request.local_id}, {self._request.numbers} numbers: the answer is longer than what was asked "
                f"(above {self._largest} bytes). No allow list is made of it. Ask NHS England's service desk, then: {ASK_AGAIN}"
            )
        return super().write(block)  # type: ignore[arg-type]


@dataclass(slots=True)
class Reading:
    """Our mailbox, opened, and the checks of one collection; `check` is the current one as it comes to stand."""

    service: Service
    rules: Rules
    opened: OpenMailbox
    kept: KeptChecks
    now: datetime
    others: frozenset[str]  # ids of other collections' requests
    check: Check | None
    errors: list[GPCollectError] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)

    def read_all(self) -> None:
        """Every message that waits. Raises MeshDown, MeshRefused."""
        for message_id in list(self.opened.list(self.service.workflow_id)):
            try:
                self._sort(self.opened.envelope(message_id))
            except MessageGone:
                continue
            except MessageRefused:
                self.left[UNREADABLE] += 1
            except KeptUnreadable as error:  # MESH keeps the answer while nobody can say whether it is one
                self.errors.append(error)
        if self.left:
            said = ", ".join(f"{count} {why}" for why, count in sorted(self.left.items()))
            self.errors.append(
                ReplyNotOurs(
                    f"Messages stay in mailbox {self.service.mailbox}, unopened: {said}. Nothing else may use this mailbox: find "
                    "out who sent them. What shall never be read: gp-source national-opt-outs --collection C --drop MESSAGE"
                )
            )

    def _sort(self, envelope: Envelope) -> None:
        if self.others & {envelope.local_id, envelope.linked_message_id}:
            return
        found = self._request_of(envelope)
        if envelope.kind == REPORT:
            self._report(envelope, found)
        elif envelope.sender not in self.service.from_mailboxes:
            self.left[OTHER_SENDER] += 1
        elif found is None:
            self.left[NOBODYS_ID] += 1
        else:
            self._take(envelope, *found)

    def _request_of(self, envelope: Envelope) -> tuple[Check, Request] | None:
        """The newest first. A report may name our message by MESH's id alone."""
        for kept in reversed(self.kept.all()):
            check = self.check if self.check and self.check.number == kept.number else kept
            for request in check.requests:
                ids = {request.local_id, request.message_id} - {""}
                if envelope.local_id in ids or (envelope.kind == REPORT and envelope.linked_message_id in ids):
                    return check, request
        return None

    def _report(self, envelope: Envelope, found: tuple[Check, Request] | None) -> None:
        if found is None:
            self.left[NO_REPORT_OF_OURS] += 1
            return
        check, request = found
        if self._is_open(check, request):
            error = non_delivery(f"Request {request.local_id}", envelope.code)
            if isinstance(error, NotDeliveredYet):  # it goes again, as another message
                self._keep(check, request.moved(ASKED, self.now, local_id="", message_id=""))
            else:
                line = f"{line_of(error)} No allow list is made. Then: {ASK_AGAIN}"
                self._keep(check, request.moved(REFUSED, self.now, error=line))
        self._acknowledge(envelope)

    def _is_open(self, check: Check, request: Request) -> bool:
        """Whether an answer is still waited for."""
        return check is self.check and check.state == RUNNING and request.state in WAITING

    def _take(self, envelope: Envelope, check: Check, request: Request) -> None:
        """Killed after an answer was kept and before MESH was told, the next run finds the message, and tells it."""
        if envelope.message_id not in (request.reply_id, *check.late):
            try:
                content = self._download(envelope, request)
            except ReplyLarger as error:
                self._refuse_or_late(envelope, check, request, error)
            else:
                self._look_into(content, envelope, check, request)
        self._acknowledge(envelope)

    def _download(self, envelope: Envelope, request: Request) -> bytes:
        content = _Limited(largest_reply(request.numbers), request)
        for number in range(1, envelope.chunks + 1):
            self.opened.download_chunk(envelope.message_id, number, content)
        return content.getvalue()

    def _look_into(self, content: bytes, envelope: Envelope, check: Check, request: Request) -> None:
        if is_job(content):
            self._job(content, envelope, check, request)
        elif self._is_open(check, request):
            self._answer(content, envelope, check, request)
        elif request.reply_mark and request.state in (ANSWERED, DOUBTFUL):
            self._once_more(content, envelope, check, request)
        else:
            self._late(envelope, check)

    def _job(self, content: bytes, envelope: Envelope, check: Check, request: Request) -> None:
        """It may come after the answer, or to a request that was given up, and then says nothing new."""
        if not self._is_open(check, request):
            return
        try:
            check_job(content, request.local_id)
        except PersonMustAct as error:
            self._refuse_or_late(envelope, check, request, error)
        else:
            self._keep(check, request.moved(JOB_CREATED, self.now))

    def _answer(self, content: bytes, envelope: Envelope, check: Check, request: Request) -> None:
        """Raises KeptUnreadable."""
        asked = self.kept.numbers(f"{request.name}.asked")
        try:
            reply = judge(content, asked, request.local_id)
        except PersonMustAct as error:
            self._refuse_or_late(envelope, check, request, error)
            return
        try:
            check_share(reply, self.rules, request.local_id)
            state, line = ANSWERED, ""
        except PersonMustAct as error:
            state, line = DOUBTFUL, line_of(error)
        self.kept.seal(f"{request.name}.reply", to_file(reply.allowed))
        brought = {"reply_id": envelope.message_id, "reply_mark": self.kept.mark(content), "error": line}
        self._keep(check, request.moved(state, self.now, allowed=len(reply.allowed), **brought))

    def _refuse_or_late(self, envelope: Envelope, check: Check, request: Request, error: PersonMustAct) -> None:
        if self._is_open(check, request):
            self._keep(check, request.moved(REFUSED, self.now, reply_id=envelope.message_id, error=line_of(error)))
        else:
            self._late(envelope, check)

    def _once_more(self, content: bytes, envelope: Envelope, check: Check, request: Request) -> None:
        """The same answer again changes nothing. Another one makes both worthless."""
        if self.kept.mark(content) == request.reply_mark:
            return
        was_used = check.state == COMPLETE
        error = RepliesDiffer(
            f"Request {request.local_id}: it was answered twice, and not the same. "
            + (
                "Allow lists were made of the first and are in force. "
                if was_used
                else "No allow list is made of either. "
            )
            + f"Ask NHS England's service desk which is right; at once, if lists are in force. Then: {ASK_AGAIN}"
        )
        self.errors.append(error)
        self._note(replace(check, state=FAILED, error=line_of(error), late=(*check.late, envelope.message_id)))

    def _late(self, envelope: Envelope, check: Check) -> None:
        self._note(replace(check, late=(*check.late, envelope.message_id)))
        self.errors.append(
            ReplyLate(
                f"Check {check.number}: an answer came to a request that had been given up ({len(check.late) + 1} so far). It "
                "was not used and is gone. If answers take longer than overdue_after_hours gives them, ask the service desk."
            )
        )

    def _keep(self, check: Check, request: Request) -> None:
        self._note(check.with_request(request))

    def _note(self, check: Check) -> None:
        self.kept.write(check)
        if self.check is not None and check.number == self.check.number:
            self.check = check

    def _acknowledge(self, envelope: Envelope) -> None:
        with suppress(MessageGone):  # what it said is kept: whether MESH forgot it before or now is the same
            self.opened.acknowledge(envelope.message_id)
