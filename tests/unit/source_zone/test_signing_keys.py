"""A source's signing key changes, and no parcel is lost for it: the newest signs, and the older ones are still known."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from central_zone.errors import ParcelRefused
from central_zone.receive import read_signed_manifest
from crossing.key_files import write_key_file
from crossing.key_register import PARCELS, REGISTER_NAME, RegisteredKey, entry_in_toml, read_key_register
from source_zone.parcels_left import OutboxDoubtful, what_left
from source_zone.release_practice import release_practice
from support.emis_files import PRACTICE, a_patient, an_observation, write_extract
from support.source_zone import SourceZone, make_source_zone

NIGHTS = ("20260902010000", "20260903010000")


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def release(zone: SourceZone, stamp: str) -> Path:
    rows = {"Admin_Patient": [a_patient("anne")], "CareRecord_Observation": [an_observation("anne", stamp)]}
    write_extract(zone.deliveries, rows, stamp)
    (parcel,) = release_practice(zone.release(stamp))["parcels"]
    return zone.settings.outbox / parcel


def central(zone: SourceZone) -> Path:
    return zone.root / "keys" / "central"


def add_to_register(folder: Path, name: str, key: Ed25519PrivateKey, second: MLDSA65PrivateKey | None) -> None:
    (template,) = (
        each for each in read_key_register(central_of(folder)).entries.values() if each.key.purpose == PARCELS
    )
    entry = RegisteredKey(
        name=name,
        purpose=PARCELS,
        owner="Development keys",
        ed25519=key.public_key().public_bytes_raw(),
        ml_dsa_65=second.public_key().public_bytes_raw() if second else None,
        speaks_for=("*",),
    )
    path = folder / REGISTER_NAME
    path.chmod(0o600)
    with path.open("a") as file:
        made = type(template)(key=entry, valid_from=template.valid_from, valid_until=template.valid_until)
        file.write(entry_in_toml(made))


def central_of(folder: Path) -> Path:
    return folder.parent / "central"


def new_keys(zone: SourceZone, version: int) -> tuple[Ed25519PrivateKey, MLDSA65PrivateKey]:
    key, second = Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate()
    write_key_file(zone.settings.keys / f"signing-mldsa65-v{version}.key", second.private_bytes_raw())
    write_key_file(zone.settings.keys / f"signing-v{version}.key", key.private_bytes_raw())
    return key, second


def test_the_newest_key_signs_once_and_twice_and_the_centre_takes_both_nights(zone: SourceZone) -> None:
    first = release(zone, NIGHTS[0])
    key, second = new_keys(zone, 2)
    add_to_register(central(zone), "signing-v2", key, second)
    after = release(zone, NIGHTS[1])
    named = [read_signed_manifest(folder, central(zone)).signing_key for folder in (first, after)]
    assert named == ["signing-v1", "signing-v2"]
    assert all((folder / "manifest.mldsa65.sig").exists() for folder in (first, after))
    assert [each.signing_key for each in what_left("gpdpr", PRACTICE, zone.settings).manifests] == named


def test_the_tenth_key_is_newer_than_the_ninth(zone: SourceZone) -> None:
    for version in (9, 10):
        new_keys(zone, version)
    assert zone.release().keys.signing_key_name == "signing-v10"


def test_a_key_that_the_centre_does_not_know_yet_is_refused_there(zone: SourceZone) -> None:
    new_keys(zone, 2)
    with pytest.raises(ParcelRefused, match="signer is not known"):
        read_signed_manifest(release(zone, NIGHTS[0]), central(zone))


def test_what_left_under_a_key_that_is_gone_is_checked_with_its_public_half(zone: SourceZone) -> None:
    release(zone, NIGHTS[0])
    path = zone.settings.keys / "signing-v1.key"
    old = Ed25519PrivateKey.from_private_bytes(path.read_bytes())
    new_keys(zone, 2)
    path.unlink()
    with pytest.raises(OutboxDoubtful, match="not ours"):
        what_left("gpdpr", PRACTICE, zone.settings)
    add_to_register(zone.settings.keys, "signing-v1", old, None)
    assert len(what_left("gpdpr", PRACTICE, zone.settings).manifests) == 1


def test_a_name_that_only_looks_like_a_signing_key_signs_nothing(zone: SourceZone) -> None:
    for name in ("signing-v02", "signing-vx", "signing-v2-old"):
        write_key_file(zone.settings.keys / f"{name}.key", os.urandom(32))
    assert zone.release().keys.signing_key_name == "signing-v1"
