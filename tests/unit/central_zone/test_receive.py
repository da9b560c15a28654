"""What is refused before a single row is parsed, and what is refused after."""

import io
import json
import shutil
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from central_zone import keys as central_keys
from central_zone import receive
from central_zone.errors import ParcelRefused, WrongRecipient
from crossing.errors import PersonMustAct
from crossing.manifest import ManifestRefused, canonical_json
from crossing.parcel import ParcelUnreadable
from crossing.policy import Policy
from support.parcels import Keys, Sealed, a_night, observations, patients, seal, sign

GPDPR = Policy().collection("gpdpr")
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()  # when collected: a run may take its time


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("central") / "keys").make()


@pytest.fixture
def parcel(tmp_path: Path, keys: Keys) -> Sealed:
    return seal(tmp_path / "inbox", keys, a_night(), rows_per_part=20)


def receive_all(folder: Path, keys: Keys, now: datetime | None = None) -> dict[str, int]:
    """Every check there is, in order; answers the rows of each table."""
    manifest = receive.read_signed_manifest(folder, keys.folder)
    receive.check_manifest(manifest, collection=GPDPR, now=now or datetime.now(UTC))
    rows: dict[str, int] = {}
    for table, some in receive.opened_rows(folder, manifest, central_keys.recipient_key(keys.folder)):
        rows[table] = rows.get(table, 0) + some.num_rows
    return rows


def test_a_parcel_of_several_parts_opens_whole(parcel, keys):
    assert receive_all(parcel.folder, keys) == {"patient": 10, "observation": 50}


@pytest.mark.parametrize("part", range(4))
def test_one_changed_bit_in_any_part_is_refused(parcel, keys, part):
    path = parcel.folder / f"part-{part:05d}.hpke"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ParcelRefused, match="not the file that was signed for"):
        receive_all(parcel.folder, keys)


@pytest.mark.parametrize("place", [0, 100, -1])
def test_one_changed_byte_in_the_manifest_is_refused(parcel, keys, place):
    path = parcel.folder / "manifest.json"
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises((ParcelRefused, ManifestRefused)):
        receive_all(parcel.folder, keys)


def test_a_well_formed_manifest_that_nobody_signed_is_refused(parcel, keys):
    content = asdict(parcel.manifest) | {"software": "another"}
    (parcel.folder / "manifest.json").write_bytes(
        json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    )
    with pytest.raises(ParcelRefused, match="signature does not fit"):
        receive_all(parcel.folder, keys)


A_PART_OF_TEXT = {"name": "Mrs Smith 9434765919"}


@pytest.mark.parametrize(
    "changes",
    [
        {"counts": {"tables": {"Mrs Smith 9434765919": {"read": "born 17/05/1960", "sent": 0}}}},
        {"counts": {"tables": {"medication": []}}},
        {"counts": "Mrs Smith 9434765919"},
        {"parts": [A_PART_OF_TEXT]},
        {"sequence": "Mrs Smith 9434765919"},
        {"practice_code": "\ud800"},
    ],
)
def test_nothing_of_a_manifest_that_nobody_signed_is_looked_at(parcel, keys, changes):
    (parcel.folder / "manifest.json").write_bytes(canonical_json({**asdict(parcel.manifest), **changes}))
    with pytest.raises(ParcelRefused, match="signature does not fit") as refused:
        receive_all(parcel.folder, keys)
    assert "9434765919" not in str(refused.value)
    assert "1960" not in str(refused.value)


def test_a_changed_signature_is_refused(parcel, keys):
    (parcel.folder / "manifest.sig").write_bytes(bytes(64))
    with pytest.raises(ParcelRefused, match="signature does not fit"):
        receive_all(parcel.folder, keys)


def test_a_signer_we_do_not_know_is_refused(tmp_path, keys):
    stranger = replace(keys, signer=Keys(tmp_path / "stranger").signer)
    parcel = seal(tmp_path / "inbox", stranger, a_night())
    with pytest.raises(ParcelRefused, match="signature does not fit"):
        receive_all(parcel.folder, keys)


@pytest.mark.fault(
    "F20", injected="a signer that nobody here knows", happened="refused before anything else of the manifest is read"
)
@pytest.mark.parametrize("name", ["signing-v9", "../receipt-signing-v1", ""])
def test_a_signing_key_that_is_not_in_the_signers_folder_is_refused(tmp_path, keys, name):
    parcel = seal(tmp_path / "inbox", keys, a_night(), signing_key=name)
    with pytest.raises(ParcelRefused, match="signer is not known"):
        receive_all(parcel.folder, keys)


@pytest.mark.fault(
    "F19",
    injected="two parts change places, and the manifest is signed anew for it",
    happened="does not open: each part is sealed to its place",
)
def test_two_parts_that_changed_places_are_refused_even_if_signed_for(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, {"patient": patients(40)}, rows_per_part=20)
    first, second = parcel.folder / "part-00000.hpke", parcel.folder / "part-00001.hpke"
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    one, two = parcel.manifest.parts
    swapped = (replace(two, name=one.name), replace(one, name=two.name))
    sign(parcel.folder, keys, replace(parcel.manifest, parts=swapped))
    with pytest.raises(ParcelRefused, match="does not open with our key recipient-v1, or belongs elsewhere"):
        receive_all(parcel.folder, keys)


@pytest.mark.fault(
    "F19", injected="a part of another parcel, signed for", happened="does not open: each part is sealed to its parcel"
)
def test_a_part_of_another_parcel_is_refused_even_if_signed_for(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, {"patient": patients()})
    another = seal(tmp_path / "inbox", keys, {"patient": patients()}, sequence=2, previous=parcel)
    shutil.copy(another.folder / "part-00000.hpke", parcel.folder / "part-00000.hpke")
    sign(parcel.folder, keys, replace(parcel.manifest, parts=another.manifest.parts))
    with pytest.raises(ParcelRefused, match="belongs elsewhere"):
        receive_all(parcel.folder, keys)


def test_a_missing_part_is_refused(parcel, keys):
    (parcel.folder / "part-00001.hpke").unlink()
    with pytest.raises(ParcelUnreadable, match="part-00001"):
        receive_all(parcel.folder, keys)


@pytest.mark.fault("F31", injected="a part is a symbolic link", happened="refused, and not followed")
def test_a_part_that_is_a_link_is_refused(parcel, keys, tmp_path):
    path = parcel.folder / "part-00000.hpke"
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ParcelUnreadable):
        receive_all(parcel.folder, keys)


def test_a_truncated_part_is_refused_before_it_is_opened(parcel, keys):
    path = parcel.folder / "part-00000.hpke"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ParcelUnreadable, match="bytes, but the manifest says"):
        receive_all(parcel.folder, keys)


def test_a_parcel_for_another_recipient_needs_a_person(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, a_night(), recipient_key="recipient-v2")
    with pytest.raises(WrongRecipient, match="seal it again"):
        receive_all(parcel.folder, keys)


@pytest.mark.fault(
    "F21", injected="sealed to somebody else and labelled for us", happened="does not open, and nothing of it is told"
)
def test_a_parcel_that_only_says_it_is_for_us_does_not_open(tmp_path, keys):
    other = Keys(tmp_path / "other").make()
    parcel = seal(tmp_path / "inbox", replace(keys, recipient=other.recipient), a_night())
    with pytest.raises(ParcelRefused, match="does not open"):
        receive_all(parcel.folder, keys)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema_sha256": "0" * 64}, "other canonical tables"),
        ({"synthetic": False}, "synthetic records only"),
        ({"not_after": "2026-01-01T00:00:00+00:00"}, "past its last day"),
        ({"hpke_suite": "NONE"}, "not sealed to recipient-v1 with our suite"),
        ({"sequence": 0}, "field sequence"),
        ({"practice_code": ["A12345"]}, "field practice_code"),
        ({"practice_code": "9434765919"}, "field practice_code"),
        ({"synthetic": "yes"}, "field synthetic"),
        ({"software": "Mrs Smith 9434765919"}, "field software"),
        ({"parcel_id": "00000000-0000-0000-0000-000000000000"}, "not the one its place gives it"),
        ({"not_after": "9999-01-01T00:00:00+00:00"}, "valid for more than a year"),
        ({"created_at": TOMORROW}, "in the future"),
        ({"extract_taken_at": "2999-01-01T00:00:00+00:00"}, "in the future"),
    ],
)
def test_a_signed_manifest_that_is_not_as_it_should_be_is_refused(tmp_path, keys, changes, told):
    parcel = seal(tmp_path / "inbox", keys, a_night(), **changes)
    with pytest.raises((ParcelRefused, ManifestRefused), match=told) as refused:
        receive_all(parcel.folder, keys)
    assert "9434765919" not in str(refused.value)


@pytest.mark.fault("F22", injected="a supplier stamps an extract an hour ahead, as in summer", happened="taken")
def test_a_supplier_whose_clock_is_on_summer_time_is_not_in_the_future(tmp_path, keys):
    stamped = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert receive_all(seal(tmp_path / "inbox", keys, a_night(), extract_taken_at=stamped).folder, keys)


@pytest.mark.fault("F16", injected="a parcel a second after its last day", happened="refused")
def test_a_parcel_is_loadable_on_its_last_day_and_not_after(parcel, keys):
    last = datetime.fromisoformat(parcel.manifest.not_after)
    assert receive_all(parcel.folder, keys, now=last)
    with pytest.raises(ParcelRefused, match="past its last day"):
        receive_all(parcel.folder, keys, now=last + timedelta(seconds=1))


def test_a_folder_that_is_not_named_by_its_parcel_is_refused(parcel, keys):
    moved = parcel.folder.rename(parcel.folder.parent / "00000000-0000-0000-0000-000000000000")
    with pytest.raises(ParcelRefused, match="not named by its parcel's id"):
        receive_all(moved, keys)


def test_a_manifest_that_counts_rows_its_parts_do_not_hold_is_refused(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, {"patient": patients()})
    (part,) = parcel.manifest.parts
    counts = {"read": 11, "sent": 11, "held_back": {}, "quarantined": {}}
    more = replace(part, rows=11)
    all_counts = {**parcel.manifest.counts, "tables": {"patient": counts}}
    sign(parcel.folder, keys, replace(parcel.manifest, parts=(more,), counts=all_counts))
    with pytest.raises(ParcelRefused, match="10 rows, but the manifest says 11"):
        receive_all(parcel.folder, keys)


@pytest.mark.fault(
    "F27", injected="a column added, left out, renamed, retyped, and all reordered, signed for", happened="refused"
)
@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows.append_column("surname", pa.array(["x"] * rows.num_rows)),
        lambda rows: rows.drop_columns(["sex"]),
        lambda rows: rows.rename_columns({"sex": "gender"}),
        lambda rows: rows.set_column(0, "record_token", pa.array(["t"] * rows.num_rows)),
        lambda rows: rows.select(list(reversed(rows.column_names))),
    ],
)
def test_columns_that_are_not_exactly_ours_are_refused(tmp_path, keys, change):
    parcel = seal(tmp_path / "inbox", keys, {"patient": change(patients())})
    with pytest.raises(ParcelRefused, match="columns are not exactly those of patient"):
        receive_all(parcel.folder, keys)


def test_a_missing_registration_is_refused_with_its_count(tmp_path, keys):
    rows = patients()
    without = pa.nulls(10, pa.binary(16))
    place = rows.schema.get_field_index("registration_token")
    parcel = seal(tmp_path / "inbox", keys, {"patient": rows.set_column(place, "registration_token", without)})
    with pytest.raises(ParcelRefused, match="registration_token is missing in 10 rows"):
        receive_all(parcel.folder, keys)


def test_a_part_that_would_unpack_too_large_is_refused(parcel, keys):
    key = central_keys.recipient_key(keys.folder)
    with pytest.raises(ParcelRefused, match="would unpack to"):
        next(receive.opened_rows(parcel.folder, parcel.manifest, key, largest_unpacked=100))


def packed_with(name: str, values: pa.Array, **how):
    """Packs a table with one column replaced, as a source that means harm would."""

    def pack(piece: pa.Table) -> bytes:
        sink = io.BytesIO()
        place = piece.schema.get_field_index(name)
        changed = piece.set_column(place, piece.schema.field(name), values)
        pq.write_table(changed, sink, compression="zstd", write_statistics=False, **how)
        return sink.getvalue()

    return pack


@pytest.mark.fault(
    "F30", injected="half a megabyte that unpacks to 400 MB of text", happened="refused within 20 MB of memory"
)
@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"use_dictionary": True}, "local_code holds a text of 1000000 bytes; 64 is the most"),
        ({"use_dictionary": False, "data_page_size": 2**30}, "would unpack to 4.* bytes, above the"),
    ],
    ids=["as a dictionary", "as one page"],
)
def test_a_long_text_repeated_is_refused_before_it_is_repeated(tmp_path, keys, how, told):
    pack = packed_with("local_code", pa.array(["A" * 1_000_000] * 400), **how)
    parcel = seal(tmp_path / "inbox", keys, {"observation": observations(400)}, pack=pack)
    assert sum(path.stat().st_size for path in parcel.folder.iterdir()) < 500_000
    before, watched = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(watched)
    try:
        with pytest.raises(ParcelRefused, match=told):
            receive_all(parcel.folder, keys)
    finally:
        pa.set_memory_pool(before)
    assert watched.max_memory() < 20_000_000


def test_rows_are_counted_by_their_real_bytes_across_parts(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, {"observation": observations(400)}, rows_per_part=100)
    key = central_keys.recipient_key(keys.folder)
    (whole,) = (sum(rows.nbytes for _, rows in receive.opened_rows(parcel.folder, parcel.manifest, key)),)
    with pytest.raises(ParcelRefused, match="the parcel would unpack to more than"):
        list(receive.opened_rows(parcel.folder, parcel.manifest, key, largest_unpacked=whole - 1))


def test_rows_of_several_row_groups_come_back_as_they_were_sent(tmp_path, keys):
    sent = observations(1000, local_code=[None if index % 7 == 0 else f"EMIS{index}" for index in range(1000)])

    def pack(piece: pa.Table) -> bytes:
        sink = io.BytesIO()
        pq.write_table(piece, sink, compression="zstd", row_group_size=300)
        return sink.getvalue()

    parcel = seal(tmp_path / "inbox", keys, {"observation": sent}, pack=pack)
    rows = receive.opened_rows(parcel.folder, parcel.manifest, central_keys.recipient_key(keys.folder))
    assert pa.concat_tables([table for _, table in rows]).equals(sent)


def test_a_part_that_is_not_parquet_is_refused_without_quoting_it(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, {"patient": patients()}, pack=lambda _: b"NHS 9434765919 " * 10)
    with pytest.raises(PersonMustAct, match="not readable Parquet") as refused:
        receive_all(parcel.folder, keys)
    assert "9434765919" not in str(refused.value)
