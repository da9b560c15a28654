"""What a practice holds, and what of it leaves: pairs of files to read side by side.

`identified/<case>.json` has EMIS rows, `released/<case>.json` the canonical rows that were sealed, opened again with
the recipient's key. The token key is published (bytes 0 to 31), so the tokens are test vectors as well.
To make a pair anew after a decision: GP_RENEW_GOLDEN=1 pytest tests/golden, and read the difference.
"""

import io
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossing.manifest import part_binding, read_manifest
from crossing.parcel import read_manifest_bytes, read_part
from source_zone.keys import field_key
from source_zone.release import Release
from source_zone.release_practice import release_practice
from support.emis_files import write_extract
from support.source_zone import SourceZone, make_source_zone

HERE = Path(__file__).parent
CASES = sorted(path.stem for path in (HERE / "identified").glob("*.json"))
SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


def opened(zone: SourceZone, parcel_id: str) -> dict[str, list[dict[str, Any]]]:
    key = (zone.root / "keys" / "central" / "recipient-v1.key").read_bytes()
    private = hpke.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(key[:64]), X25519PrivateKey.from_private_bytes(key[64:])
    )
    folder = zone.settings.outbox / parcel_id
    manifest = read_manifest(read_manifest_bytes(folder)[0])
    tables: dict[str, list[dict[str, Any]]] = {}
    for index, part in enumerate(manifest.parts):
        sealed = read_part(folder, part.name, part.ciphertext_bytes)
        plain = SUITE.decrypt(sealed, private, info=part_binding(manifest.identity(), index, len(manifest.parts)))
        rows = pq.read_table(io.BytesIO(plain)).to_pylist()
        tables.setdefault(part.table, []).extend(readable(row) for row in rows)
    return {"counts": {table: row for table, row in manifest.counts["tables"].items() if row["read"]}, **tables}  # type: ignore[dict-item]


def readable(row: dict[str, Any]) -> dict[str, Any]:
    """Tokens in hexadecimal, dates as text, and what is absent left out."""
    return {
        name: value.hex() if isinstance(value, bytes) else str(value)
        for name, value in row.items()
        if value is not None
    }


def with_the_agreed_key(release: Release) -> Release:
    """Handed in, because custody refuses a key that is written in a public test."""
    agreed = {name: field_key(bytes(range(32)), "gpdpr", name, 1) for name in release.keys.token_keys}
    return replace(release, keys=replace(release.keys, token_keys=agreed))


def test_there_are_cases() -> None:
    assert CASES
    assert sorted(path.stem for path in (HERE / "released").glob("*.json")) == CASES


@pytest.mark.parametrize("case", CASES)
def test_what_leaves_is_what_was_agreed(case: str, tmp_path: Path) -> None:
    zone = make_source_zone(tmp_path)
    write_extract(zone.deliveries, json.loads((HERE / "identified" / f"{case}.json").read_text()))
    released = opened(zone, release_practice(with_the_agreed_key(zone.release()))["parcels"][0])
    agreed = HERE / "released" / f"{case}.json"
    if os.environ.get("GP_RENEW_GOLDEN"):
        agreed.write_text(json.dumps(released, indent=2, ensure_ascii=False) + "\n")
    assert released == json.loads(agreed.read_text())
