"""What a store must hold, worked out from parcels as they left: opened with the recipient's key, tokens by the documented formula.

Shares nothing with the loader: no ledger, no staging, no SQL. Pairs of bridges are followed to their end, and rows that a notice of
erasure names, up to the place it says, are left out.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from central_zone import keys
from crossing.canonical import BRIDGE, ERASURE, NOTICES, TABLES, Kind, column_names
from crossing.manifest import Manifest, part_binding, read_manifest
from support.tokens_again import StoreKey

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
Row = tuple[Any, ...]
Rows = dict[str, list[dict[str, Any]]]  # by table


@dataclass(slots=True)
class Opened:
    """Every parcel of an archive, by id."""

    archive: Path
    central_keys: Path
    manifests: dict[str, Manifest] = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict, repr=False)

    def read(self) -> "Opened":
        key = keys.recipient_key(self.central_keys)
        for folder in sorted(self.archive.glob("[!.]*")):
            manifest = read_manifest((folder / "manifest.json").read_bytes())
            self.manifests[folder.name] = manifest
            self.rows[folder.name] = _rows(folder, manifest, key)
        return self

    def records(self) -> Iterator[Manifest]:
        """Those that have a place in their practice's sequence."""
        yield from (each for each in self.manifests.values() if each.extract_kind not in NOTICES)

    def digests(self) -> dict[str, str]:
        """For each parcel, a hash of its rows whatever their order: two archives of the same nights have the same."""
        return {
            each: hashlib.sha256(repr(sorted(map(repr, _flat(rows)))).encode()).hexdigest()
            for each, rows in self.rows.items()
        }

    def store(self, store_keys: Path) -> dict[tuple[str, str], Counter[Row]]:
        """By parcel and table, the rows that must be in the store, as its columns have them, and how often."""
        key, today, erased = StoreKey(store_keys), self._today(), self._erased()
        made: dict[tuple[str, str], Counter[Row]] = {}
        for manifest in self.records():
            for table, rows in self.rows[manifest.parcel_id].items():
                if table in TABLES:
                    stays = [row for row in rows if not self._is_erased(manifest, row, erased)]
                    stored = (_stored(table, row, today, key) for row in stays)
                    made[manifest.parcel_id, table] = Counter(stored)
        return made

    def _today(self) -> dict[bytes, bytes]:
        """What became of each token that any bridge replaced."""
        return {
            row["old_token"]: row["new_token"]
            for manifest in self.records()
            if manifest.extract_kind == BRIDGE
            for row in self.rows[manifest.parcel_id][BRIDGE]
        }

    def _erased(self) -> dict[tuple[str, bytes], int]:
        """Up to which place a practice's registration, as it was named then, is erased."""
        found: dict[tuple[str, bytes], int] = defaultdict(int)
        for manifest in self.manifests.values():
            if manifest.extract_kind == ERASURE:
                for row in self.rows[manifest.parcel_id][ERASURE]:
                    whose = manifest.practice_code, followed(self._today(), row["registration_token"])
                    found[whose] = max(found[whose], row["up_to_sequence"])
        return found

    def _is_erased(self, manifest: Manifest, row: dict[str, Any], erased: dict[tuple[str, bytes], int]) -> bool:
        token = row.get("registration_token")
        if token is None or not erased:
            return False
        return manifest.sequence <= erased.get((manifest.practice_code, followed(self._today(), token)), 0)


def followed(today: dict[bytes, bytes], token: bytes) -> bytes:
    while token in today:
        token = today[token]
    return token


def _rows(folder: Path, manifest: Manifest, key: Any) -> Rows:
    rows: Rows = defaultdict(list)
    for index, part in enumerate(manifest.parts):
        binding = part_binding(manifest.identity(), index, len(manifest.parts))
        plaintext = _SUITE.decrypt((folder / part.name).read_bytes(), key, info=binding)
        rows[part.table] += pq.read_table(pa.BufferReader(plaintext)).to_pylist()
    return rows


def _flat(rows: Rows) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    yield from ((table, sorted(row.items())) for table, some in rows.items() for row in some)


def _stored(table: str, row: dict[str, Any], today: dict[bytes, bytes], key: StoreKey) -> Row:
    tokens = set(column_names(table, Kind.TOKEN))
    return tuple(
        key.token(followed(today, row[name])) if name in tokens and row[name] is not None else row[name]
        for name in (column.name for column in TABLES[table])
    )
