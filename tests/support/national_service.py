"""Stands for NHS England's Check for National Data Opt-outs at the other end of the MESH sandbox: as strict, and as silent.

It answers in two parts, refuses a whole file for one bad number, and says nothing at all where Subject or LocalID is
missing or has a colon. What it is to get wrong is said by whoever calls it.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from simulator.check_digits import nhs_number_is_valid
from support.mesh_server import CHECKING, SERVICE, Sandbox

WORKFLOW = "SPINE_NTT_UPHOLDING"
REFUSAL = b"The file contains one or more invalid NHS Numbers."
JOB, DATA = "job", "data"
Spoil = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """One message as the service found it."""

    local_id: str
    subject: str
    filename: str
    content: bytes = field(repr=False)

    @property
    def numbers(self) -> list[str]:
        return [line.rstrip(",") for line in self.content.decode().splitlines()]


@dataclass(slots=True)
class NationalService:
    """`opted_out` are the NHS numbers of who said no."""

    sandbox: Sandbox
    opted_out: set[str] = field(default_factory=set)

    def read(self) -> list[Asked]:
        """Takes what waits for it."""
        found = []
        with self.sandbox.client(SERVICE) as client:
            for message_id in list(client.iterate_message_ids()):
                message = client.retrieve_message(message_id)
                local_id, subject = message.local_id or "", message.subject or ""
                found.append(Asked(local_id, subject, message.filename or "", message.read()))
                message.acknowledge()
        return found

    def answer(self, spoil: Spoil | None = None, parts: Sequence[str] = (JOB, DATA)) -> list[Asked]:
        """Everything that waits, as the service would; `spoil` is done to the part with the numbers."""
        asked = self.read()
        for each in asked:
            self.answer_one(each, spoil, parts)
        return asked

    def answer_one(self, asked: Asked, spoil: Spoil | None = None, parts: Sequence[str] = (JOB, DATA)) -> None:
        if not asked.local_id or not asked.subject or ":" in asked.local_id:
            return
        for part in parts:
            content = job() if part == JOB else self.numbers(asked)
            self.say(spoil(content) if spoil and part == DATA else content, asked.local_id)

    def numbers(self, asked: Asked) -> bytes:
        """Those who have not opted out, or the one line that refuses all."""
        lines = asked.content.split(b"\n")
        if lines.pop() or not all(_is_taken(line) for line in lines) or len(set(lines)) < len(lines):
            return REFUSAL
        return b"".join(line + b"\n" for line in lines if line[:10].decode() not in self.opted_out)

    def say(self, content: bytes, local_id: str, sender: str = SERVICE) -> str:
        """A message by hand. An empty one can be sent packed only."""
        with self.sandbox.client(sender) as client:
            return str(
                client.send_message(
                    CHECKING,
                    content,
                    compress=not content,
                    workflow_id=WORKFLOW,
                    local_id=local_id,
                    subject="SUCCESS",
                    filename="reply.dat",
                )
            )


def job(status: str = "pending") -> bytes:
    stages = ["validate_non_empty_file", "validate_is_unique_upload", "validate_in_order"]
    said = {"id": "3f1c", "status": status, "keys": {"version": 1}, "stages": stages, "dataset_id": "mesh_to_pos"}
    return json.dumps(said).encode()


def _is_taken(line: bytes) -> bool:
    return re.fullmatch(rb"[0-9]{10},", line) is not None and nhs_number_is_valid(line[:10].decode())
