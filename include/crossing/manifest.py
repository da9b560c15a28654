"""The manifest of a parcel: what is in it, for whom, under which rules, and the counts that must close.

Canonical JSON (sorted keys, no spaces, no fractions), so that both zones hash and sign the very same bytes.
"""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from crossing.accounting import check_counts_close
from crossing.canonical import BESIDE_RECORDS, BRIDGE, NOTICES
from crossing.errors import PersonMustAct
from crossing.manifest_fields import FIELDS, field_at_fault

MANIFEST_VERSION = 3
LARGEST_MANIFEST_BYTES = 1_000_000
PAYLOAD_TYPE = b"application/vnd.gp-collect.manifest+json"
HPKE_SUITE = "MLKEM768_X25519/HKDF_SHA256/AES_256_GCM"
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


class ManifestRefused(PersonMustAct):
    """The manifest is not one of ours: too large, not canonical, or a field does not hold what it is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One sealed file of a parcel: some rows of one table."""

    name: str
    table: str
    rows: int
    ciphertext_bytes: int
    ciphertext_sha256: str
    plaintext_bytes: int
    plaintext_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the source zone states, signed, about one parcel (one extract of one practice)."""

    manifest_version: int
    parcel_id: str
    collection: str
    practice_code: str
    supplier_format: str
    synthetic: bool
    sequence: int
    previous_manifest_sha256: str | None
    extract_id: str
    extract_taken_at: str  # ISO instant, from the supplier's own naming; "the future" is measured from it
    extract_kind: str  # one of KINDS
    supplier_record_count: int | None  # what the supplier says it sent, where it says so
    created_at: str
    not_after: str
    schema_sha256: str
    policy_sha256: dict[str, str]  # file name -> hash of every policy file that was applied
    token_key: str  # key id with version, as in "token-gpdpr-v1"
    recipient_key: str
    signing_key: str
    hpke_suite: str
    software: str
    parts: tuple[Part, ...]
    counts: dict[str, Any]
    bridges_from: str | None = None  # of a bridge: the key whose tokens it replaces by those of `token_key`
    erasures_before: int | None = None  # of a bridge: how many notices of erasure of its practice left before it

    @property
    def is_notice(self) -> bool:
        """Whether it says something of people rather than brings records; a notice has a sequence of its own kind."""
        return self.extract_kind in NOTICES

    @property
    def is_bridge(self) -> bool:
        """Whether it says which tokens stand for which from here on; it has a place among the parcels of records."""
        return self.extract_kind == BRIDGE

    def identity(self) -> bytes:
        """The fields that bind every part to this parcel and no other, as canonical JSON."""
        names = ("parcel_id", "collection", "practice_code", "sequence", "token_key", "recipient_key", "schema_sha256")
        return canonical_json({name: getattr(self, name) for name in names})

    def to_bytes(self) -> bytes:
        return canonical_json(asdict(self))

    def sha256(self) -> str:
        return hashlib.sha256(self.to_bytes()).hexdigest()


def canonical_json(value: Any) -> bytes:
    """One byte string for one value: sorted keys, no spaces, ASCII, no fractions."""
    return _CANONICAL.encode(value).encode()


def bytes_to_sign(manifest_bytes: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the signature covers the type as well as the bytes."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(manifest_bytes), manifest_bytes)


def part_binding(identity: bytes, index: int, count: int) -> bytes:
    """HPKE `info` of part `index` of `count`: parts cannot be swapped, dropped or moved to another parcel."""
    return hashlib.sha256(identity).digest() + index.to_bytes(4, "big") + count.to_bytes(4, "big")


@dataclass(frozen=True, slots=True)
class ClaimOfSigner:
    """Which key a manifest says signed it, and when. A stranger may have written it: look it up, show it to nobody."""

    signing_key: str
    created_at: datetime


def claim_of_signer(data: bytes) -> ClaimOfSigner:
    """All that may be asked of a manifest before its signature is checked. Raises ManifestRefused."""
    content = _parsed(data)
    name, created_at = content.get("signing_key"), content.get("created_at")
    if not isinstance(name, str) or not FIELDS["created_at"](created_at):
        raise ManifestRefused("The manifest names no signing key, or not when it was made.")
    return ClaimOfSigner(name, datetime.fromisoformat(str(created_at)))


def read_manifest(data: bytes) -> Manifest:
    """Parses a manifest strictly. Raises ManifestRefused or CountsDoNotClose; text of its own is never quoted."""
    content = _parsed(data)
    fault = field_at_fault(content)
    if fault or content["manifest_version"] != MANIFEST_VERSION:
        raise ManifestRefused(
            f"The manifest's field {fault or 'manifest_version'} is missing, or does not hold what it is for. "
            "Report the source's software."
        )
    parts = tuple(Part(**part) for part in content["parts"])
    manifest = Manifest(**{**content, "parts": parts})
    if manifest.to_bytes() != data:
        raise ManifestRefused("The manifest is not canonical JSON, so its hash cannot be relied on.")
    check_counts_close(manifest.counts)
    _check_parts_agree_with_counts(manifest)
    _check_tables_fit_the_kind(manifest)
    _check_bridge_leads_somewhere(manifest)
    return manifest


def _parsed(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST_MANIFEST_BYTES:
        raise ManifestRefused(f"The manifest is larger than the {LARGEST_MANIFEST_BYTES} bytes that are read.")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise ManifestRefused("The manifest is not JSON.") from None
    if not isinstance(content, dict):
        raise ManifestRefused("The manifest is not a JSON object.")
    return content


def _check_parts_agree_with_counts(manifest: Manifest) -> None:
    in_parts = Counter[str]()
    for part in manifest.parts:
        in_parts[part.table] += part.rows
    sent = {table: row["sent"] for table, row in manifest.counts["tables"].items()}
    for table in sorted({*in_parts, *sent}):
        if in_parts[table] != sent.get(table, 0):
            raise ManifestRefused(
                f"{table}: the parts hold {in_parts[table]} rows but the counts say {sent.get(table, 0)} were sent."
            )


def _check_tables_fit_the_kind(manifest: Manifest) -> None:
    """A notice or bridge holds its own table and nothing else, and no parcel of records holds one of theirs."""
    named = {part.table for part in manifest.parts} | set(manifest.counts["tables"])
    own_table_only = manifest.is_notice or manifest.is_bridge
    strangers = named - {manifest.extract_kind} if own_table_only else named & set(BESIDE_RECORDS)
    if strangers:
        raise ManifestRefused(
            f"A parcel of kind {manifest.extract_kind} holds {', '.join(sorted(strangers))}, which has no place in one. "
            "Report the source's software."
        )


def _check_bridge_leads_somewhere(manifest: Manifest) -> None:
    if manifest.is_bridge != (manifest.bridges_from is not None) or manifest.bridges_from == manifest.token_key:
        raise ManifestRefused(
            "A bridge names the key it leads from, which is another than its own, and no other parcel names one. "
            "Report the source's software."
        )
    if manifest.is_bridge != (manifest.erasures_before is not None):
        raise ManifestRefused(
            "A bridge says how many erasures left before it, and no other parcel does. Report the source's software."
        )
