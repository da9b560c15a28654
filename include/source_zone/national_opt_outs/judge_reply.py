"""Is this the answer to what was asked? One pure function a question; whatever is uncertain makes no allow list.

The service answers in two parts, in no promised order and under one LocalID: JSON saying that a job was created, and a
file like the one sent, of those who have NOT opted out. Which is which shows in the content alone.
"""

import json
from dataclasses import dataclass, field

import numpy as np

from crossing.errors import PersonMustAct
from source_zone.national_opt_outs.errors import (
    ASK_AGAIN,
    JobNotCreated,
    NobodyOptedOut,
    NumbersRefused,
    ReplyEmpty,
    ReplyLarger,
    ReplyMalformed,
    ReplyNamesOthers,
    ReplyRepeats,
    ReplyTruncated,
    ShareDoubtful,
)
from source_zone.national_opt_outs.number_file import LINE_BYTES, Numbers, bad_lines, from_file
from source_zone.national_opt_outs.rules import APPROVED, RULES, Rules

LARGEST_JOB_BYTES = 64 * 1024
_REFUSAL = b"The file contains one or more invalid NHS Numbers."
_ASK_THEM = f"No allow list is made of it. Ask NHS England's service desk what they sent, then: {ASK_AGAIN}"


@dataclass(frozen=True, slots=True)
class Reply:
    """Who may be released of those asked about."""

    allowed: Numbers = field(repr=False)
    asked: int

    @property
    def opted_out(self) -> int:
        return self.asked - len(self.allowed)


def largest_reply(asked: int) -> int:
    """No answer to so many is longer, in bytes."""
    return asked * LINE_BYTES + LARGEST_JOB_BYTES


def is_job(content: bytes) -> bool:
    """Whether this is the part that tells of the job, and not the one with the numbers."""
    return content.lstrip()[:1] in (b"{", b"[")


def check_job(content: bytes, local_id: str) -> None:
    """Raises JobNotCreated. Nothing of what the service wrote is repeated."""
    try:
        said = json.loads(content)
        created = isinstance(said, dict) and said.get("status") == "pending"
    except (ValueError, RecursionError):
        created = False
    if not created:
        raise JobNotCreated(
            f"Request {local_id}: the service does not say that a job is pending ({len(content)} bytes). {_ASK_THEM}"
        )


def judge(content: bytes, asked: Numbers, local_id: str) -> Reply:
    """The answer, if it is one. Raises NumbersRefused and every error whose name begins with Reply."""
    of = f"Request {local_id}, {len(asked)} numbers"
    if content.strip() == _REFUSAL:
        raise NumbersRefused(
            f"{of}: the service refused the whole file for a number that is not valid. Each was checked here (ten digits, "
            "modulus 11), so its rule is another than ours: ask the service desk which numbers it takes. Nobody was checked."
        )
    _check_shape(content, len(asked), of)
    numbers = from_file(content)
    if numbers is None:
        raise _not_read(content, of)
    allowed = np.unique(numbers)
    if len(allowed) < len(numbers):
        raise ReplyRepeats(f"{of}: the answer has {len(numbers) - len(allowed)} numbers more than once. {_ASK_THEM}")
    strangers = len(np.setdiff1d(allowed, asked, assume_unique=True))
    if strangers:
        raise ReplyNamesOthers(f"{of}: the answer has {strangers} numbers that were not asked about. {_ASK_THEM}")
    return Reply(allowed, len(asked))


def _check_shape(content: bytes, asked: int, of: str) -> None:
    if not content.strip():
        raise ReplyEmpty(f"{of}: the answer holds no line. {_ASK_THEM}")
    lines = content.count(b"\n")
    if lines > asked:
        raise ReplyLarger(f"{of}: the answer has {lines} lines. {_ASK_THEM}")


def _not_read(content: bytes, of: str) -> PersonMustAct:
    lines, returns, bad = content.count(b"\n"), content.count(b"\r"), bad_lines(content)
    if returns:
        return ReplyMalformed(
            f"{of}: the answer's lines end in CR and LF ({returns}), where LF was agreed. {_ASK_THEM}"
        )
    if bad:
        return ReplyMalformed(f"{of}: {bad} lines of the answer are not ten digits and a comma. {_ASK_THEM}")
    return ReplyTruncated(f"{of}: the answer ends in the middle of a line, after {lines}. {_ASK_THEM}")


def check_share(reply: Reply, rules: Rules, local_id: str) -> None:
    """Raises NobodyOptedOut, ShareDoubtful. Below policy's size chance explains any share."""
    if reply.asked < rules.judged_from:
        return
    share, approve = reply.opted_out / reply.asked, f"if it is right, approve {local_id} in policy/{APPROVED}"
    if not reply.opted_out:
        raise NobodyOptedOut(
            f"Request {local_id}: all of {reply.asked} came back, as if nobody had opted out. No allow list is made of it. "
            f"Ask NHS England's service desk; {approve}, else: {ASK_AGAIN}"
        )
    if not rules.lowest_share <= share <= rules.highest_share:
        raise ShareDoubtful(
            f"Request {local_id}: {reply.opted_out} of {reply.asked} have opted out, outside policy/{RULES}. No allow list is "
            f"made of it. Ask NHS England's service desk; {approve}, else: {ASK_AGAIN}"
        )
