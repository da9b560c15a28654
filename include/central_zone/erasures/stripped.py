"""What was stripped from a parcel after its source signed it: the rows of erased people, by a statement that we signed.

The parcel's manifest and signature stay as they came. `stripped.json` beside them names the manifest and, for each part
that was sealed again, what is to be found in its place.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature

from central_zone import keys
from central_zone.errors import ParcelRefused
from crossing.manifest import LARGEST_MANIFEST_BYTES, Manifest, Part, canonical_json
from crossing.parcel import LARGEST_PART_BYTES, NEW_PART_SUFFIX, read_beside, read_part

NAME = "stripped.json"
PAYLOAD_TYPE = b"application/vnd.gp-collect.stripped+json"


@dataclass(frozen=True, slots=True)
class Stripped:
    """The parts as they are now, and how many rows each notice took, by table."""

    parts: Mapping[str, Part] = field(default_factory=dict)
    rows_by_notice: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def part(self, signed_for: Part) -> Part:
        return self.parts.get(signed_for.name, signed_for)

    def rows(self) -> dict[str, int]:
        """All rows that were stripped, by table."""
        every = Counter[str]()
        for by_table in self.rows_by_notice.values():
            every.update(by_table)
        return dict(every)


def read_stripped(folder: Path, manifest: Manifest, keys_folder: Path) -> Stripped:
    """Raises ParcelRefused where the statement is not ours, or is of another parcel."""
    data = read_beside(folder, NAME, LARGEST_MANIFEST_BYTES)
    if data is None:
        return Stripped()
    try:
        content = json.loads(data)
        said = content["stripped"]
        public = keys.receipt_signing_key(keys_folder).public_key()
        public.verify(bytes.fromhex(content["signature"]), bytes_to_sign(said))
        parts = {name: Part(**part) for name, part in said["parts"].items()}
    except (InvalidSignature, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ParcelRefused(
            f"{NAME} is not what this zone wrote and signed. Ask the source to send it again."
        ) from None
    if said["manifest_sha256"] != manifest.sha256() or not set(parts) <= {part.name for part in manifest.parts}:
        raise ParcelRefused(f"{NAME} is of another parcel. Ask the source to send it again.")
    return Stripped(parts, said["rows_by_notice"])


def statement(manifest: Manifest, stripped: Stripped, keys_folder: Path) -> bytes:
    said: dict[str, Any] = {
        "manifest_sha256": manifest.sha256(),
        "parts": {name: asdict(part) for name, part in stripped.parts.items()},
        "rows_by_notice": {notice: dict(rows) for notice, rows in stripped.rows_by_notice.items()},
    }
    signature = keys.receipt_signing_key(keys_folder).sign(bytes_to_sign(said)).hex()
    return canonical_json({"stripped": said, "signing_key": keys.RECEIPT_SIGNING_KEY, "signature": signature})


def bytes_to_sign(said: dict[str, Any]) -> bytes:
    """DSSE's pre-authentication encoding, so that no other kind of message carries its signature."""
    data = canonical_json(said)
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE, len(data), data)


def sealed_bytes(folder: Path, part: Part) -> bytes:
    """A part as it is on disk: under its name, or beside it where a run was killed before the old one was replaced.

    Raises ParcelUnreadable; whether the bytes are those signed for, the caller checks.
    """
    replacement = read_beside(folder, part.name + NEW_PART_SUFFIX, LARGEST_PART_BYTES)
    if replacement is not None and hashlib.sha256(replacement).hexdigest() == part.ciphertext_sha256:
        return replacement
    return read_part(folder, part.name, part.ciphertext_bytes)


def with_one_more(before: Stripped, notice_id: str, parts: Mapping[str, Part], rows: Mapping[str, int]) -> Stripped:
    """The statement after one more notice took rows."""
    of_notice = Counter(before.rows_by_notice.get(notice_id, {}))
    of_notice.update(rows)
    return replace(
        before,
        parts={**before.parts, **parts},
        rows_by_notice={**before.rows_by_notice, notice_id: dict(sorted(of_notice.items()))},
    )
