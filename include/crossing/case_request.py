"""A case of re-identification as it is asked for, and each approval of it: canonical JSON, read strictly or not at all.

The request proper names how many people are asked about and the hash of their tokens; the tokens stand beside it. So it
can be shown to the source, which has no need of a project's tokens, and still nobody can put other people into it.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

from crossing.errors import PersonMustAct
from crossing.identifiers import canonical_nhs_number
from crossing.manifest import canonical_json

REQUEST_NAME = "case.request.json"
APPROVAL_SUFFIX = ".approval.json"
APPROVAL_TYPE = b"application/vnd.gp-collect.reidentification-approval+json"
LARGEST_CASE_BYTES = 1_000_000
REQUEST_VERSION = 1
_CASE_ID = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,62}")
_KEY_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_PERSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,'@-]{0,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[0-9a-f]{32}")
_MANY_DIGITS = re.compile(r"\d{10}")

# Why a case may be refused, in the words of the register. Closed: a refusal without one of these is a fault of the software.
REFUSALS = {
    "unreadable": "The request, or an approval, was not one that may be read",
    "too_few_approvals": "Fewer than two people had approved it",
    "same_person_twice": "One person had approved it twice",
    "requester_approved": "Whoever asked had also approved it",
    "approval_not_valid": "An approval did not fit the request",
    "approver_not_valid": "An approver's key was not valid, or was revoked",
    "expired": "It had expired",
    "expires_too_late": "It was to hold for too long",
    "made_in_the_future": "Its date was in the future",
    "too_many_people": "It asked about too many people",
    "purpose_not_allowed": "Its purpose is none of those allowed",
    "use_not_allowed": "No case may be about that data use",
    "use_not_released": "Nothing is released under that data use",
    "already_carried_out": "It had been carried out before",
    "custodian_key": "The custodian's key did not open the escrow",
    "escrow_altered": "The escrow did not hold what was put there",
    # These only the source finds out.
    "key_destroyed": "The key that its codes were made with was destroyed since",
    "list_is_old": "Nobody knew who is registered at the practice today",
}


class CaseRefused(PersonMustAct):
    """A case was not carried out. `reason` is one of REFUSALS; nobody was told who anybody is."""

    def __init__(self, reason: str, why: str) -> None:
        super().__init__(f"The case was refused: {why}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRequest:
    """What two people approve. No token is in it."""

    version: int
    case_id: str
    use: str
    collection: str
    purpose: str
    people: int
    tokens_sha256: str
    requested_by: str
    created_at: str  # ISO instant
    expires_on: date  # the last day

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "expires_on": self.expires_on.isoformat()}

    def sha256(self) -> str:
        return hashlib.sha256(canonical_json(self.as_dict())).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's signature under a request. Nothing of it may be believed before it is checked."""

    case_id: str
    request_sha256: str
    signing_key: str
    approved_at: str  # ISO instant
    signature: bytes = field(repr=False)

    def statement(self) -> dict[str, Any]:
        """What the signature covers."""
        return statement_of(self.case_id, self.request_sha256, self.signing_key, self.approved_at)

    def as_dict(self) -> dict[str, Any]:
        return {"approval": self.statement(), "signature": self.signature.hex()}


def statement_of(case_id: str, request_sha256: str, signing_key: str, approved_at: str) -> dict[str, Any]:
    return {
        "approved_at": approved_at,
        "case_id": case_id,
        "request_sha256": request_sha256,
        "signing_key": signing_key,
    }


def tokens_sha256(tokens: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(tokens).encode()).hexdigest()


def request_bytes(request: CaseRequest, tokens: Sequence[str]) -> bytes:
    """The file of a request: what is approved, and the tokens (T3) it counts and hashes."""
    return canonical_json({"request": request.as_dict(), "tokens": list(tokens)})


def read_request(data: bytes) -> tuple[CaseRequest, tuple[bytes, ...]]:
    """The request and its tokens, in its order. Raises CaseRefused; quotes nothing of what it read."""
    content = _parsed(data, {"request", "tokens"})
    request, tokens = request_of(content["request"]), content["tokens"]
    if not isinstance(tokens, list) or not all(_is(_TOKEN, each) for each in tokens):
        raise unreadable("its tokens are not each 32 hexadecimal characters")
    if len(set(tokens)) != len(tokens) or (len(tokens), tokens_sha256(tokens)) != (
        request.people,
        request.tokens_sha256,
    ):
        raise unreadable("its tokens are not those that were asked about")
    return request, tuple(bytes.fromhex(each) for each in tokens)


def request_of(content: Any) -> CaseRequest:
    """The request proper, of plain data. Raises CaseRefused."""
    if not isinstance(content, dict) or content.keys() != {each.name for each in fields(CaseRequest)}:
        raise unreadable("a field is missing, or is one we do not know")
    wrong = next((name for name, holds in _CHECKS.items() if not holds(content[name])), None)
    if wrong:
        raise unreadable(f"{wrong} does not hold what it is for")
    return CaseRequest(**{**content, "expires_on": date.fromisoformat(content["expires_on"])})


def read_approval(data: bytes) -> Approval:
    return approval_of(_parsed(data, {"approval", "signature"}))


def approval_of(content: Any) -> Approval:
    """An approval, of plain data. Raises CaseRefused."""
    names = {"approved_at", "case_id", "request_sha256", "signing_key"}
    said = content.get("approval") if isinstance(content, dict) else None
    if not isinstance(said, dict) or said.keys() != names or content.keys() != {"approval", "signature"}:
        raise unreadable("an approval has a field that is missing, or that we do not know")
    shapes = (_is_instant(said["approved_at"]), is_case_id(said["case_id"]), _is(_SHA256, said["request_sha256"]))
    signature = content["signature"]
    if not all(shapes) or not _is(_KEY_NAME, said["signing_key"]) or not _is(re.compile(r"[0-9a-f]{128}"), signature):
        raise unreadable("a field of an approval does not hold what it is for")
    return Approval(**said, signature=bytes.fromhex(signature))


def unreadable(why: str) -> CaseRefused:
    return CaseRefused("unreadable", f"{why}. Have it made again with gp-central reidentify.")


def is_case_id(value: Any) -> bool:
    """An id is printed, logged and kept for good, so one with the ten digits of somebody's number is none."""
    if not isinstance(value, str) or not 3 <= len(value) <= 40 or not _CASE_ID.fullmatch(value):
        return False
    return sum(character.isdigit() for character in value) < 10


def is_person(value: Any) -> bool:
    return _is(_PERSON, value) and not any(canonical_nhs_number(each) for each in _MANY_DIGITS.findall(value))


def _parsed(data: bytes, keys: set[str]) -> dict[str, Any]:
    if len(data) <= LARGEST_CASE_BYTES:
        try:
            found = json.loads(data)
            if isinstance(found, dict) and found.keys() == keys and canonical_json(found) == data:
                return found
        except (ValueError, TypeError, RecursionError):
            pass
    raise unreadable("it is not canonical JSON of the right kind")


def _is(shape: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None


def _is_instant(value: Any) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_day(value: Any) -> bool:
    try:
        return isinstance(value, str) and date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


_CHECKS = {
    "version": lambda value: type(value) is int and value == REQUEST_VERSION,
    "case_id": is_case_id,
    "use": lambda value: _is(_WORD, value),
    "collection": lambda value: _is(_WORD, value),
    "purpose": lambda value: _is(_WORD, value),
    "people": lambda value: type(value) is int and value > 0,
    "tokens_sha256": lambda value: _is(_SHA256, value),
    "requested_by": is_person,
    "created_at": _is_instant,
    "expires_on": _is_day,
}
