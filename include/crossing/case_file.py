"""A case file: what the centre sends the source about one practice, signed; the tokens in it sealed to the source.

With it go the request and its approvals, so that the source checks for itself that two people approved: the centre alone
cannot ask. The project's tokens do not go along; a number stands for each person, their place in the request.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

from crossing.answers import SignedAnswer
from crossing.canonical import TOKEN_BYTES
from crossing.case_request import Approval, CaseRequest, approval_of, request_of, unreadable
from crossing.manifest import HPKE_SUITE, canonical_json

CASE_FILE_VERSION = 1
CASE_FILE_SUFFIX = ".case.json"
_PADDED_TO = 16_384  # more than a whole case needs, so that the size does not tell how many people it is about
_PRACTICE = re.compile(r"[A-Z][0-9]{5}")
_TOKEN_KEY = re.compile(r"token-[a-z][a-z0-9_]*-v[1-9][0-9]{0,3}")
_FIELDS = frozenset({"version", "practice_code", "request", "approvals", "recipient_key", "hpke_suite", "sealed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One person who is asked about, as the source's own tokens (T1). The repr shows their place in the request alone."""

    reference: int
    token_key: str  # which of the source's keys made the tokens
    registration: bytes = field(repr=False)
    patient: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """What a case file says, once its signature has been checked."""

    practice_code: str
    request: CaseRequest
    approvals: tuple[Approval, ...]
    recipient_key: str
    sealed: bytes = field(repr=False)

    def binding(self) -> bytes:
        return binding(self.request, self.practice_code)


def case_file_name(case_id: str, practice_code: str) -> str:
    return f"{case_id}.{practice_code}{CASE_FILE_SUFFIX}"


def binding(request: CaseRequest, practice_code: str) -> bytes:
    """HPKE `info`: what is sealed for one case and practice opens for no other."""
    return f"gp-collect|case|1|{request.case_id}|{practice_code}|{request.sha256()}".encode()


def content_of(
    request: CaseRequest, approvals: tuple[Approval, ...], practice_code: str, *, recipient_key: str, sealed: bytes
) -> dict[str, Any]:
    """What the centre signs."""
    return {
        "version": CASE_FILE_VERSION,
        "practice_code": practice_code,
        "request": request.as_dict(),
        "approvals": [each.as_dict() for each in approvals],
        "recipient_key": recipient_key,
        "hpke_suite": HPKE_SUITE,
        "sealed": base64.b64encode(sealed).decode(),
    }


def case_file_of(signed: SignedAnswer) -> CaseFile:
    """What the centre signed, parsed strictly; the caller has checked its signature. Raises CaseRefused; quotes nothing."""
    content = signed.content
    if content.keys() != _FIELDS or content["version"] != CASE_FILE_VERSION or content["hpke_suite"] != HPKE_SUITE:
        raise unreadable("a case file has a field that is missing, or that we do not know")
    if not _matches(_PRACTICE, content["practice_code"]) or not isinstance(content["approvals"], list):
        raise unreadable("a field of a case file does not hold what it is for")
    try:
        sealed = base64.b64decode(content["sealed"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise unreadable("what is sealed in a case file is no base64") from None
    return CaseFile(
        practice_code=content["practice_code"],
        request=request_of(content["request"]),
        approvals=tuple(approval_of(each) for each in content["approvals"]),
        recipient_key=str(content["recipient_key"]),
        sealed=sealed,
    )


def people_to_bytes(people: list[Asked]) -> bytes:
    """What is sealed, of the same size for few and for many."""
    rows = [[each.reference, each.token_key, each.registration.hex(), each.patient.hex()] for each in people]
    data = canonical_json(rows)
    return len(data).to_bytes(4, "big") + data + bytes(-(len(data) + 4) % _PADDED_TO)


def people_of(data: bytes, request: CaseRequest) -> list[Asked]:
    """Raises CaseRefused: also where more people are named than were approved."""
    try:
        rows = json.loads(data[4 : 4 + int.from_bytes(data[:4], "big")])
        people = [_asked(*row) for row in rows]
    except (ValueError, TypeError, RecursionError):
        raise unreadable("what was sealed in a case file is not what it has to be") from None
    if {each.reference for each in people} - set(range(1, request.people + 1)):
        raise unreadable("a case file names somebody who is not among those approved")
    if len({each.patient for each in people}) > len({each.reference for each in people}):
        raise unreadable("a case file names several people as one")
    return people


def _asked(reference: Any, token_key: Any, registration: Any, patient: Any) -> Asked:
    tokens = bytes.fromhex(registration), bytes.fromhex(patient)
    if (
        type(reference) is not int
        or not _matches(_TOKEN_KEY, token_key)
        or {len(each) for each in tokens} != {TOKEN_BYTES}
    ):
        raise ValueError
    return Asked(reference=reference, token_key=token_key, registration=tokens[0], patient=tokens[1])


def _matches(shape: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None
