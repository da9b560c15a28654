"""A notice that is refused is answered too; and a stolen key does not stand between a person and their erasure."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central_zone import load_parcel, take_notices
from central_zone.errors import ParcelRefused
from support.erasures import a_notice, token
from support.parcels import Sealed, a_night

YESTERDAY = datetime.now(UTC) - timedelta(days=1)
PERSON = (token(0, 1), token(0, 2), 1)


def answers(zone: Any, parcel: Sealed) -> dict[str, Any]:
    found = zone.settings.receipts_folder.glob(f"{parcel.manifest.parcel_id}.*.json")
    return {path.name.split(".")[1]: json.loads(path.read_bytes()) for path in found}


def loaded(zone: Any) -> Sealed:
    parcel = zone.sealed(a_night())
    load_parcel.load_parcel(parcel.folder, zone.settings)
    return parcel


def test_a_refused_notice_is_answered_and_the_answer_goes_when_it_is_taken(zone):
    loaded(zone)
    notice = a_notice(zone, [PERSON])
    part = notice.folder / "part-00000.hpke"
    whole = part.read_bytes()
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    for _ in range(2):
        with pytest.raises(ParcelRefused):
            take_notices.take_notice(notice.folder, zone.settings)
    said = answers(zone, notice)["receipt"]["receipt"]
    assert (said["outcome"], said["manifest_sha256"]) == ("refused", notice.manifest.sha256())
    assert "not the file that was signed for" in said["reason"]
    part.write_bytes(whole)
    assert take_notices.take_notice(notice.folder, zone.settings)["state"] == "applied"
    assert set(answers(zone, notice)) == {"certificate"}


def test_a_notice_that_a_stranger_signed_is_not_answered(zone):
    loaded(zone)
    stranger = replace(zone, keys=replace(zone.keys, signer=Ed25519PrivateKey.generate()))
    notice = a_notice(stranger, [PERSON])
    with pytest.raises(ParcelRefused, match="does not fit"):
        take_notices.take_notice(notice.folder, zone.settings)
    assert answers(zone, notice) == {}


def test_a_parcel_of_records_is_not_refused_by_taking_it_for_a_notice(zone):
    parcel = loaded(zone)
    before = answers(zone, parcel)
    with pytest.raises(ParcelRefused, match="is no notice"):
        take_notices.take_notice(parcel.folder, zone.settings)
    assert answers(zone, parcel) == before


def test_nor_a_notice_by_taking_it_for_records(zone):
    loaded(zone)
    notice = a_notice(zone, [PERSON])
    with pytest.raises(ParcelRefused, match="is a notice"):
        load_parcel.load_parcel(notice.folder, zone.settings)
    assert (answers(zone, notice), zone.state(notice)) == ({}, None)
    assert take_notices.take_notice(notice.folder, zone.settings)["state"] == "applied"


def test_a_loaded_parcel_is_stripped_after_the_key_that_signed_it_was_revoked(zone):
    parcel = loaded(zone)
    first = zone.keys.entry(revoked_at=YESTERDAY)
    zone.keys.signer = Ed25519PrivateKey.generate()
    zone.keys.register(first, zone.keys.entry(name="signing-v2"))
    notice = a_notice(zone, [PERSON], signing_key="signing-v2")
    told = take_notices.take_notice(notice.folder, zone.settings)
    assert (told["state"], told["left"]) == ("applied", "")
    certificate = answers(zone, notice)["certificate"]["certificate"]
    assert (certificate["parcels_stripped"], certificate["parcels_left"]) == (1, [])
    assert (parcel.folder / "stripped.json").exists()


def test_an_erasure_signed_with_a_revoked_key_is_refused(zone):
    """Whoever stole the key could erase whom they like."""
    loaded(zone)
    notice = a_notice(zone, [PERSON])
    zone.keys.register(zone.keys.entry(revoked_at=YESTERDAY))
    with pytest.raises(ParcelRefused, match="was revoked"):
        take_notices.take_notice(notice.folder, zone.settings)
    assert answers(zone, notice) == {}
