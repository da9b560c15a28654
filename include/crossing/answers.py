"""What the centre answers to a practice, signed: a parcel's receipt and its supplement, an erasure's certificate, a key's retirement.

Each kind has a payload type of its own, so that no message can carry the signature of another.
"""

import json
from dataclasses import dataclass
from typing import Any

from crossing.errors import PersonMustAct
from crossing.manifest import canonical_json

CASE_FILE = "case_file"  # of re-identification: crossing.case_file
RETIREMENT = "retirement"  # of a token key
RECEIPT, SUPPLEMENT, CERTIFICATE = (
    "receipt",
    "supplement",
    "certificate",
)  # also how the files end: <parcel id>.receipt.json
PAYLOAD_TYPES = {
    RECEIPT: b"application/vnd.gp-collect.receipt+json",
    SUPPLEMENT: b"application/vnd.gp-collect.receipt-supplement+json",
    CERTIFICATE: b"application/vnd.gp-collect.erasure-certificate+json",
    CASE_FILE: b"application/vnd.gp-collect.case-file+json",
    RETIREMENT: b"application/vnd.gp-collect.key-retirement+json",
}
LARGEST_ANSWER_BYTES = 1_000_000


class AnswerRefused(PersonMustAct):
    """An answer is not one of the centre's: forged, altered, not of our shape, or of another parcel."""


@dataclass(frozen=True, slots=True)
class SignedAnswer:
    """An answer as it lies in its file; nothing of it may be believed before its signature is checked."""

    content: dict[str, Any]
    signing_key: str
    signature: bytes


def bytes_to_sign(content: dict[str, Any], payload_type: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the signature covers the type as well as the content."""
    data = canonical_json(content)
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(data), data)


def read_answer(data: bytes, kind: str, file: str) -> SignedAnswer:
    """Parses `{kind: {...}, "signing_key": ..., "signature": hex}` strictly. Raises AnswerRefused; quotes nothing of it."""
    try:
        found = json.loads(data)
        whole = isinstance(found, dict) and found.keys() == {kind, "signing_key", "signature"}
        if whole and isinstance(found[kind], dict) and canonical_json(found) == data:
            return SignedAnswer(found[kind], str(found["signing_key"]), bytes.fromhex(found["signature"]))
    except (ValueError, TypeError, RecursionError):
        pass
    raise AnswerRefused(f"{file} is not a {kind} as the centre writes them. Ask the centre for it again.")
