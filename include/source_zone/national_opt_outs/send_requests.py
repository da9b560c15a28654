"""Requests to the service, each as one message. As with parcels, a first call is never repeated blindly: MESH is asked first."""

from dataclasses import dataclass
from datetime import datetime

from crossing.errors import PersonMustAct
from crossing.mesh_answers import DuplicateSent
from crossing.mesh_envelope import Tracking
from crossing.mesh_mailbox import OpenMailbox
from source_zone.national_opt_outs.check import ASKED, MEANT, RUNNING, SENT, Check, Request
from source_zone.national_opt_outs.kept_checks import KeptChecks
from source_zone.national_opt_outs.local_ids import LocalIds
from source_zone.national_opt_outs.rules import Service
from source_zone.send import NotSureYet


@dataclass(frozen=True, slots=True)
class Sending:
    """Our mailbox, opened, and the checks of one collection."""

    service: Service
    opened: OpenMailbox
    ids: LocalIds
    kept: KeptChecks
    now: datetime

    def send_all(self, check: Check) -> Check:
        """Every request of a running check as far as it gets. Raises NotSureYet, MeshDown, MeshRefused, KeptUnreadable."""
        for request in check.requests if check.state == RUNNING else ():
            if request.state == ASKED:
                check = self._send(check, request.moved(ASKED, self.now, local_id=self.ids.new(self.opened, self.now)))
            elif request.state == MEANT:
                check = self._find_out(check, request)
        return check

    def _send(self, check: Check, request: Request) -> Check:
        """Subject and LocalID are both set: the service does not answer where one is missing. No checksum goes along, since

        of a short file anybody could find out from it what is in it.
        """
        content = self.kept.unseal(f"{request.name}.asked")
        meant = request.moved(MEANT, self.now)
        check = self.kept.write(check.with_request(meant))
        try:
            message_id = self.opened.send_first(
                self.service.to_mailbox,
                content,
                1,
                workflow_id=self.service.workflow_id,
                local_id=meant.local_id,
                subject=meant.local_id,
                filename=f"{meant.local_id}.dat",
            )
        except PersonMustAct:  # an answer, and it was no
            self.kept.write(check.with_request(request.moved(ASKED, self.now, local_id="")))
            raise
        return self.kept.write(check.with_request(meant.moved(SENT, self.now, message_id=message_id)))

    def _find_out(self, check: Check, request: Request) -> Check:
        """A call had no answer, or we were killed before we could write it down: does MESH have the message?"""
        try:
            found: Tracking | None = self.opened.find_sent(request.local_id)
            message_id = found.message_id if found else ""
        except DuplicateSent:  # it has it twice, which the service's answers will show, as they carry our id
            return self.kept.write(check.with_request(request.moved(SENT, self.now)))
        if found:
            return self.kept.write(check.with_request(request.moved(SENT, self.now, message_id=message_id)))
        if not request.is_older_than(self.service.unclear_seconds, self.now):
            raise NotSureYet(
                f"Request {request.local_id}: MESH did not say whether it took it. It is asked again, and sent again if it "
                f"does not have it after {self.service.unclear_seconds} seconds."
            )
        return self._send(check, request)
