"""A parcel damaged in any file, at any place: refused before anything is decrypted, and nothing of it is believed."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central_zone import keys as central_keys
from central_zone import load_parcel, receive
from central_zone.errors import ParcelRefused
from crossing.manifest import Manifest, ManifestRefused, canonical_json
from crossing.manifest_fields import FIELDS
from crossing.parcel import ParcelUnreadable
from crossing.policy import Policy
from faults.conftest import CentralZone
from support.parcels import Keys, Sealed, a_night, observations, patients, seal, sign

GPDPR = Policy().collection("gpdpr")
REFUSED = (ParcelRefused, ParcelUnreadable, ManifestRefused)
_NOT_ASKED = object()  # in place of the key: whoever uses it gets a TypeError, which is no refusal


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("central") / "keys").make()


@pytest.fixture(scope="module")
def parcel(tmp_path_factory: pytest.TempPathFactory, keys: Keys) -> Sealed:
    """Four parts, of two tables. Every test that damages it puts it right again."""
    return seal(tmp_path_factory.mktemp("inbox"), keys, a_night(8, 24), rows_per_part=10)


def receive_all(folder: Path, keys: Keys, key: Any = None) -> int:
    manifest = receive.read_signed_manifest(folder, keys.folder)
    receive.check_manifest(manifest, collection=GPDPR, now=datetime.now(UTC))
    rows = receive.opened_rows(folder, manifest, key or central_keys.recipient_key(keys.folder))
    return sum(some.num_rows for _, some in rows)


def is_refused(folder: Path, keys: Keys) -> bool:
    """Without a key: if anything were decrypted, this would fail with a TypeError."""
    try:
        receive_all(folder, keys, _NOT_ASKED)
    except REFUSED:
        return True
    return False


def damaged(path: Path, spoilt: Iterator[bytes]) -> Iterator[None]:
    """The file in each of these ways, and then as it was."""
    whole = path.read_bytes()
    try:
        for data in spoilt:
            path.write_bytes(data)
            yield
    finally:
        path.write_bytes(whole)


def files(parcel: Sealed) -> list[Path]:
    return sorted(parcel.folder.iterdir())


def cuts(whole: bytes) -> Iterator[bytes]:
    yield from (whole[:length] for length in {0, 1, 16, len(whole) // 2, len(whole) - 16, len(whole) - 1})
    yield whole + b"\0"


def test_the_parcel_is_sound(parcel: Sealed, keys: Keys) -> None:
    assert receive_all(parcel.folder, keys) == 32
    assert len(files(parcel)) == 6
    with pytest.raises(TypeError):
        receive_all(parcel.folder, keys, _NOT_ASKED)


@pytest.mark.fault(
    "F17",
    injected="each file of a parcel cut at six places, or one byte too long",
    happened="refused each time, before anything is decrypted",
)
def test_every_file_cut_short(parcel: Sealed, keys: Keys) -> None:
    seen = [is_refused(parcel.folder, keys) for path in files(parcel) for _ in damaged(path, cuts(path.read_bytes()))]
    assert seen == [True] * 7 * 6


def flips(whole: bytes, step: int) -> Iterator[bytes]:
    for place in {*range(0, len(whole), step), *range(len(whole) - 16, len(whole))}:
        yield whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :]


@pytest.mark.fault(
    "F18",
    injected="one bit flipped in every third byte of the manifest, every byte of the signature, every 41st of each part",
    happened="refused each time, before anything is decrypted",
)
def test_a_bit_flipped_anywhere(parcel: Sealed, keys: Keys) -> None:
    steps = {"manifest.json": 3, "manifest.sig": 1}
    for path in files(parcel):
        seen = [
            is_refused(parcel.folder, keys) for _ in damaged(path, flips(path.read_bytes(), steps.get(path.name, 41)))
        ]
        assert len(seen) > 60
        assert all(seen), (path.name, seen.index(False))


# Another value that may stand in each field of a manifest. A field that is not here fails the test.
OTHERWISE: dict[str, Any] = {
    "manifest_version": 2,
    "parcel_id": "7e65c34c-788c-5829-860d-7f8169d7ec3b",
    "collection": "other",
    "practice_code": "A99999",
    "supplier_format": "tpp_csv",
    "synthetic": False,
    "sequence": 2,
    "previous_manifest_sha256": "1" * 64,
    "extract_id": "another",
    "extract_taken_at": "2026-01-01T00:00:00+00:00",
    "extract_kind": "snapshot",
    "supplier_record_count": 5,
    "created_at": "2026-01-01T00:00:00+00:00",
    "not_after": "2099-01-01T00:00:00+00:00",
    "schema_sha256": "2" * 64,
    "policy_sha256": {},
    "token_key": "token-gpdpr-v2",
    "recipient_key": "recipient-v2",
    "signing_key": "signing-v2",
    "hpke_suite": "none",
    "software": "gp-collect 9",
    "parts": [],
    "counts": {},
    "bridges_from": "token-gpdpr-v1",
    "erasures_before": 1,
}


@pytest.mark.fault(
    "F18",
    injected="each field of the manifest, and each of a part's, replaced by another value that may stand there",
    happened="refused each time: the signature is over all of it",
)
def test_every_field_of_the_manifest_is_signed_for(parcel: Sealed, keys: Keys) -> None:
    assert set(OTHERWISE) == set(FIELDS)
    content = asdict(parcel.manifest)
    path = parcel.folder / "manifest.json"
    spoilt = [canonical_json({**content, name: value}) for name, value in OTHERWISE.items()]
    for name, value in content["parts"][1].items():
        parts = [dict(part) for part in content["parts"]]
        parts[1][name] = value + 1 if isinstance(value, int) else "patient" if name == "table" else value[::-1]
        spoilt.append(canonical_json({**content, "parts": parts}))
    assert all(is_refused(parcel.folder, keys) for _ in damaged(path, iter(spoilt)))


@pytest.mark.fault(
    "F18",
    injected="a bit of each part flipped, in HPKE's key, in the data and in the tag, and the manifest signed anew for it",
    happened="does not open: what is sealed says itself whether it is whole",
)
@pytest.mark.parametrize("place", [5, 1200, -1], ids=["key", "data", "tag"])
def test_a_part_that_was_changed_and_signed_for_does_not_open(tmp_path: Path, keys: Keys, place: int) -> None:
    whole = seal(tmp_path, keys, {"patient": patients()})
    path = whole.folder / "part-00000.hpke"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    (part,) = whole.manifest.parts
    sign(whole.folder, keys, replace(whole.manifest, parts=(replace(part, ciphertext_sha256=sha256(bytes(data))),)))
    with pytest.raises(ParcelRefused, match="does not open"):
        receive_all(whole.folder, keys)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.fault(
    "F19",
    injected="a parcel's four parts under each other's names, in all 23 wrong orders; each part missing; each in another's place",
    happened="refused each time, before anything is decrypted",
)
def test_parts_in_any_wrong_order_missing_or_doubled(parcel: Sealed, keys: Keys) -> None:
    names = [part.name for part in parcel.manifest.parts]
    whole = {name: (parcel.folder / name).read_bytes() for name in names}
    wrong: list[dict[str, bytes]] = [
        {name: whole[other] for name, other in zip(names, order, strict=True)}
        for order in permutations(names)
        if list(order) != names
    ]
    wrong += [{name: data for name, data in whole.items() if name != missing} for missing in names]
    wrong += [{**whole, name: whole[other]} for name, other in permutations(names, 2)]
    try:
        for contents in wrong:
            put(parcel.folder, names, contents)
            assert is_refused(parcel.folder, keys)
    finally:
        put(parcel.folder, names, whole)
    assert len(wrong) == 23 + 4 + 12
    (parcel.folder / "part-00004.hpke").write_bytes(whole[names[0]])
    assert receive_all(parcel.folder, keys) == 32, "one more than is signed for is nobody's, and is not looked at"
    (parcel.folder / "part-00004.hpke").unlink()


def put(folder: Path, names: list[str], contents: dict[str, bytes]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)


@pytest.mark.fault(
    "F19",
    injected="a part sealed once and listed twice, or left out of the list, and the manifest signed anew",
    happened="does not open: each part is sealed to its place and to how many there are",
)
@pytest.mark.parametrize("how", ["twice", "left out"])
def test_parts_listed_twice_or_left_out_and_signed_for(tmp_path: Path, keys: Keys, how: str) -> None:
    whole = seal(tmp_path, keys, {"patient": patients(20)}, rows_per_part=10)
    first, second = whole.manifest.parts
    rows = 30 if how == "twice" else 10
    parts = (first, second, replace(first, name="part-00002.hpke")) if how == "twice" else (first,)
    shutil.copy(whole.folder / first.name, whole.folder / "part-00002.hpke")
    counts = {
        **whole.manifest.counts,
        "tables": {"patient": {"read": rows, "sent": rows, "held_back": {}, "quarantined": {}}},
    }
    sign(whole.folder, keys, replace(whole.manifest, parts=parts, counts=counts))
    with pytest.raises(ParcelRefused, match="belongs elsewhere"):
        receive_all(whole.folder, keys)


@pytest.mark.fault(
    "F31",
    injected="parts named ../x, /etc/passwd, PART-00000.HPKE, part-00000.hpke twice, with a zero byte or a foreign digit, signed for",
    happened="refused: only the names we give, in their order, each once",
)
@pytest.mark.parametrize(
    "name",
    [
        "../part-00000.hpke",
        "/etc/passwd",
        "PART-00000.HPKE",
        "part-00001.hpke",
        "part-00000.hpke\0",
        "part-0000\u0660.hpke",
        "",
    ],
)
def test_parts_under_names_that_are_not_ours(tmp_path: Path, keys: Keys, name: str) -> None:
    whole = seal(tmp_path, keys, {"patient": patients(20)}, rows_per_part=10)
    first, second = whole.manifest.parts
    sign(whole.folder, keys, replace(whole.manifest, parts=(replace(first, name=name), second)))
    with pytest.raises(REFUSED) as refused:
        receive_all(whole.folder, keys)
    assert "passwd" not in str(refused.value)


@pytest.mark.fault(
    "F17",
    injected="a truncated part among parcels of other practices, through the whole of the centre",
    happened="refused with a signed receipt that says so; ledger and audit chain have it; the others load; sent again, it loads",
)
def test_a_truncated_part_is_answered_and_stops_nobody_else(zone: CentralZone) -> None:
    good, bad = zone.sealed(a_night()), zone.sealed(a_night(), practice_code="A99999")
    part = bad.folder / "part-00001.hpke"
    whole = part.read_bytes()
    os.truncate(part, 100)
    assert run(zone) == {"A12345": "loaded"}
    receipt = zone.settings.receipts_folder / f"{bad.manifest.parcel_id}.receipt.json"
    assert '"outcome":"refused"' in receipt.read_text()
    assert (zone.state(good), zone.state(bad)) == ("loaded", "refused")
    assert run(zone) == {}
    part.write_bytes(whole)
    assert run(zone) == {"A99999": "loaded"}
    assert '"outcome":"loaded"' in receipt.read_text()


def run(zone: CentralZone) -> dict[str, str]:
    told: dict[str, str] = {}
    for ids in load_parcel.parcels_waiting("gpdpr", zone.settings):
        load_parcel.receive_shard("gpdpr", ids, zone.settings)
        load_parcel.validate_shard("gpdpr", ids, zone.settings)
        results = load_parcel.load_shard("gpdpr", ids, zone.settings)
        told |= {each["practice_code"]: each["state"] for each in results if each["state"] == "loaded"}
    return told


@pytest.mark.fault(
    "F16",
    injected="the inbox of a month ago is put back: every parcel again, byte for byte, and once more under made-up names",
    happened="already, for each; what is not named by its id is not looked at; no row more, the receipts unchanged",
)
def test_an_old_inbox_that_is_put_back(zone: CentralZone) -> None:
    first = zone.sealed(a_night())
    second = zone.sealed(a_night(seed=4), sequence=2, previous=first)
    shutil.copytree(zone.settings.inbox_folder, zone.root / "old")
    assert run(zone) == {"A12345": "loaded"}
    answers = {path.name: path.read_bytes() for path in zone.settings.receipts_folder.glob("*.receipt.json")}
    shutil.rmtree(zone.settings.inbox_folder)
    shutil.copytree(zone.root / "old", zone.settings.inbox_folder)
    made_up = zone.settings.inbox_folder / "11111111-1111-1111-1111-111111111111"
    shutil.copytree(first.folder, made_up)
    assert run(zone) == {}
    for parcel in (first, second):
        assert load_parcel.load_parcel(parcel.folder, zone.settings)["state"] == "already"
    assert {path.name: path.read_bytes() for path in zone.settings.receipts_folder.glob("*.receipt.json")} == answers
    assert zone.query("SELECT count(*) FROM records.observation") == [(100,)]


BOMB_ROWS = 2_000_000


def a_bomb(piece: pa.Table) -> bytes:
    """Every value of a column the same, as a run of one: millions of rows in a few kilobytes."""
    sink = pa.BufferOutputStream()
    one = piece.slice(0, 1)
    million = pa.concat_tables([one]).take(pa.array([0] * 500_000))
    with pq.ParquetWriter(sink, piece.schema, compression="zstd", write_statistics=False) as writer:
        for _ in range(BOMB_ROWS // 500_000):
            writer.write_table(million)
    return bytes(sink.getvalue())


@pytest.mark.fault(
    "F30",
    injected="a part of some 100 KB that unpacks to 2,000,000 rows; the manifest says so, or says ten",
    happened="ten: refused by its footer, nothing unpacked; two million: unpacked piece by piece, refused at the limit",
)
@pytest.mark.parametrize("declared", [10, BOMB_ROWS], ids=["not declared", "declared"])
def test_rows_without_end_in_a_small_part(tmp_path: Path, keys: Keys, declared: int) -> None:
    whole = seal(tmp_path, keys, {"observation": observations(10)}, pack=a_bomb)
    assert (whole.folder / "part-00000.hpke").stat().st_size < 200_000
    (part,) = whole.manifest.parts
    counts = {"observation": {"read": declared, "sent": declared, "held_back": {}, "quarantined": {}}}
    manifest = replace(
        whole.manifest, parts=(replace(part, rows=declared),), counts={**whole.manifest.counts, "tables": counts}
    )
    sign(whole.folder, keys, manifest)
    come: list[int] = []
    with pytest.raises(
        ParcelRefused, match=r"2000000 rows, but the manifest says 10|would unpack to more than 100000000"
    ):
        come.extend(rows_of(whole.folder, manifest, central_keys.recipient_key(keys.folder)))
    assert sum(come) < BOMB_ROWS / 2
    assert max(come, default=0) <= 100_000


def rows_of(folder: Path, manifest: Manifest, key: Any) -> Iterator[int]:
    for _, some in receive.opened_rows(folder, manifest, key, largest_unpacked=100_000_000):
        yield some.num_rows
