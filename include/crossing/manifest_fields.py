"""What may stand in each field of a manifest. Signed is not trusted: a field holds what it is for, and no sentence fits."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from crossing.accounting import are_counts, is_count
from crossing.canonical import BESIDE_RECORDS, BRIDGE, NOTICES, TABLES

Check = Callable[[Any], bool]
# The supplier's words: what changed, everything to be compared with what was loaded, everything to be loaded.
DELTA, RECON, SNAPSHOT = EXTRACT_KINDS = ("delta", "recon", "snapshot")
# Ours: all there is of people who opted in again, read once more. It is loaded as changes are.
RE_EXTRACT = "re_extract"
RECORD_KINDS = (*EXTRACT_KINDS, RE_EXTRACT)
IN_SEQUENCE = (*RECORD_KINDS, BRIDGE)  # kinds that take a place among the practice's parcels of records
KINDS = (*IN_SEQUENCE, *NOTICES)  # of parcels: of records, of tokens that stand for others, and of notices about people
_LARGEST_SEQUENCE = 2**31 - 1  # what the ledger's column holds


def is_text(pattern: str) -> Check:
    """A check that a value is a string of this shape, from its first character to its last."""
    shape = re.compile(pattern)
    return lambda value: isinstance(value, str) and shape.fullmatch(value) is not None


_is_name = is_text(r"[a-z][a-z0-9_]{0,40}")
_is_key_name = is_text(r"[a-z][a-z-]{0,20}(?:[a-z0-9_]{1,40}-)?v[0-9]{1,4}")
_is_sha256 = is_text(r"[0-9a-f]{64}")
_is_policy_file = is_text(r"[A-Za-z0-9_./-]{1,80}")
_looks_like_an_instant = is_text(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


def _is_instant(value: Any) -> bool:
    try:
        return _looks_like_an_instant(value) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:  # the 30th of February
        return False


def _is_policy_sha256(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_policy_file(name) and _is_sha256(sha256) for name, sha256 in value.items()
    )


_PART: dict[str, Check] = {
    "name": is_text(r"part-[0-9]{5}\.hpke"),
    "table": lambda value: isinstance(value, str) and (value in TABLES or value in BESIDE_RECORDS),
    "rows": is_count,
    "ciphertext_bytes": is_count,
    "ciphertext_sha256": _is_sha256,
    "plaintext_bytes": is_count,
    "plaintext_sha256": _is_sha256,
}


def _are_parts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) and _fault(part, _PART) is None for part in value)


FIELDS: dict[str, Check] = {
    "manifest_version": is_count,
    "parcel_id": is_text(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "collection": _is_name,
    # The shape only: whether a practice takes part is known where its parcel is made.
    "practice_code": is_text(r"[A-Z][0-9]{5}"),
    "supplier_format": _is_name,
    "synthetic": lambda value: isinstance(value, bool),
    "sequence": lambda value: type(value) is int and 1 <= value <= _LARGEST_SEQUENCE,
    "previous_manifest_sha256": lambda value: value is None or _is_sha256(value),
    # A supplier's stamp of fourteen digits, or the hash of a snapshot: never ten digits on their own.
    "extract_id": is_text(r"(?![0-9]{10}\Z)[a-z0-9][a-z0-9_-]{0,60}"),
    "extract_taken_at": _is_instant,
    "extract_kind": lambda value: isinstance(value, str) and value in KINDS,
    "supplier_record_count": lambda value: value is None or is_count(value),
    "created_at": _is_instant,
    "not_after": _is_instant,
    "schema_sha256": _is_sha256,
    "policy_sha256": _is_policy_sha256,
    "token_key": _is_key_name,
    "bridges_from": lambda value: value is None or _is_key_name(value),
    "erasures_before": lambda value: value is None or (type(value) is int and 0 <= value <= _LARGEST_SEQUENCE),
    "recipient_key": _is_key_name,
    "signing_key": _is_key_name,
    "hpke_suite": is_text(r"[A-Z0-9_]{1,30}(?:/[A-Z0-9_]{1,30}){0,2}"),
    "software": is_text(r"[a-z][a-z-]{0,30} [0-9]{1,4}(?:\.[0-9]{1,4}){0,3}(?:[.+-]?[a-z]{1,4}[0-9]{0,4})?"),
    "parts": _are_parts,
    "counts": are_counts,
}


def field_at_fault(content: dict[str, Any]) -> str | None:
    """The name of the first field that is missing or does not hold what it is for; "(unknown)" for one that is not ours."""
    return _fault(content, FIELDS)


def _fault(content: dict[str, Any], checks: dict[str, Check]) -> str | None:
    if content.keys() - checks.keys():
        return "(unknown)"
    return next((name for name, holds in checks.items() if name not in content or not holds(content[name])), None)
