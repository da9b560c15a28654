"""Whose signature a parcel needs, and that a key which is no longer good, or not for this practice, is refused."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey

from central_zone.errors import ParcelRefused
from central_zone.receive import known_manifest, read_signed_manifest
from central_zone.who_signed import check_still_known
from crossing.key_register import RegisterRefused
from support.parcels import Keys, Sealed, a_night, seal, sign

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
SECOND = "manifest.mldsa65.sig"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys").make()


@pytest.fixture
def two_keys(tmp_path: Path) -> Keys:
    """A signer who signs twice."""
    return Keys(tmp_path / "keys", second_signer=MLDSA65PrivateKey.generate()).make()


def read(parcel: Sealed, keys: Keys) -> None:
    assert read_signed_manifest(parcel.folder, keys.folder, now=NOW) == parcel.manifest


def test_a_parcel_is_checked_with_the_key_that_was_good_when_it_was_made(tmp_path, keys):
    last_week = seal(tmp_path / "inbox", keys, a_night(), created_at=(NOW - 7 * DAY).isoformat())
    keys.register(keys.entry(valid_until=NOW - DAY))
    read(last_week, keys)
    today = seal(tmp_path / "inbox", keys, a_night(), sequence=2, previous=last_week)
    with pytest.raises(ParcelRefused, match="signed at another time"):
        read(today, keys)


@pytest.mark.fault(
    "F20",
    injected="the key is revoked, the parcel is dated long before",
    happened="refused, not held: who has a stolen key can write any date",
)
def test_a_revoked_key_is_refused_even_for_what_is_dated_long_before(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, a_night(), created_at=(NOW - 30 * DAY).isoformat())
    read(parcel, keys)
    keys.register(keys.entry(revoked_at=NOW - DAY))
    with pytest.raises(ParcelRefused, match="was revoked"):
        read(parcel, keys)


def test_who_writes_another_date_into_the_manifest_gains_nothing(tmp_path, keys):
    """The time that decides which key is good is read before the signature is checked; the signature covers it."""
    keys.register(keys.entry(valid_until=NOW - DAY))
    parcel = seal(tmp_path / "inbox", keys, a_night())
    dated_back = replace(parcel.manifest, created_at=(NOW - 7 * DAY).isoformat())
    (parcel.folder / "manifest.json").write_bytes(dated_back.to_bytes())
    with pytest.raises(ParcelRefused, match="does not fit"):
        read(parcel, keys)


@pytest.mark.parametrize("speaks_for", [("A12345",), ("emis_csv",), ("*",)])
def test_a_signer_may_speak_for_its_practices_or_its_format(tmp_path, keys, speaks_for):
    keys.register(keys.entry(speaks_for=speaks_for))
    read(seal(tmp_path / "inbox", keys, a_night()), keys)


@pytest.mark.parametrize("speaks_for", [("B12345",), ("tpp_csv",), ()])
def test_a_signer_who_signs_for_another_practice_is_refused(tmp_path, keys, speaks_for):
    keys.register(keys.entry(speaks_for=speaks_for))
    with pytest.raises(ParcelRefused, match="may not speak for A12345"):
        read(seal(tmp_path / "inbox", keys, a_night()), keys)


def test_a_key_for_receipts_signs_no_parcels(tmp_path, keys):
    keys.register(keys.entry(purpose="receipts"))
    with pytest.raises(ParcelRefused, match="not known here for parcels"):
        read(seal(tmp_path / "inbox", keys, a_night()), keys)


def test_without_a_register_no_parcel_is_blamed(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, a_night())
    (keys.folder / "key_register.toml").unlink()
    with pytest.raises(RegisterRefused):
        read(parcel, keys)


def test_two_signatures_are_taken_where_two_keys_are_entered(tmp_path, two_keys):
    parcel = seal(tmp_path / "inbox", two_keys, a_night())
    assert len((parcel.folder / SECOND).read_bytes()) == 3309
    read(parcel, two_keys)


@pytest.mark.fault("F18", injected="one bit of either of two signatures", happened="refused")
@pytest.mark.parametrize("spoil", ["manifest.sig", SECOND])
def test_one_good_signature_of_two_is_not_enough(tmp_path, two_keys, spoil):
    parcel = seal(tmp_path / "inbox", two_keys, a_night())
    data = bytearray((parcel.folder / spoil).read_bytes())
    data[7] ^= 1
    (parcel.folder / spoil).write_bytes(data)
    with pytest.raises(ParcelRefused, match="does not fit"):
        read(parcel, two_keys)


@pytest.mark.parametrize("content", [b"", b"x" * 3309, b"x" * 64])
def test_a_second_signature_of_any_other_bytes_is_refused(tmp_path, two_keys, content):
    parcel = seal(tmp_path / "inbox", two_keys, a_night())
    (parcel.folder / SECOND).write_bytes(content)
    with pytest.raises(ParcelRefused, match="does not fit"):
        read(parcel, two_keys)


def test_the_second_signature_cannot_be_left_out(tmp_path, two_keys):
    parcel = seal(tmp_path / "inbox", two_keys, a_night())
    (parcel.folder / SECOND).unlink()
    with pytest.raises(ParcelRefused, match=f"lacks {SECOND}"):
        read(parcel, two_keys)


def test_nor_can_one_be_added_that_nobody_here_can_check(tmp_path, keys):
    parcel = seal(tmp_path / "inbox", keys, a_night())
    sign(parcel.folder, replace(keys, second_signer=MLDSA65PrivateKey.generate()), parcel.manifest)
    with pytest.raises(ParcelRefused, match=f"has {SECOND}"):
        read(parcel, keys)


def test_another_signers_second_key_does_not_do(tmp_path, two_keys):
    parcel = seal(tmp_path / "inbox", two_keys, a_night())
    sign(parcel.folder, replace(two_keys, second_signer=MLDSA65PrivateKey.generate()), parcel.manifest)
    with pytest.raises(ParcelRefused, match="does not fit"):
        read(parcel, two_keys)
    sign(parcel.folder, replace(two_keys, signer=Ed25519PrivateKey.generate()), parcel.manifest)
    with pytest.raises(ParcelRefused, match="does not fit"):
        read(parcel, two_keys)


def test_what_the_ledger_took_in_can_be_read_after_its_key_was_revoked(tmp_path, keys):
    """Else the sealed rows of somebody erased would stay for ever, because a key was stolen."""
    parcel = seal(tmp_path / "inbox", keys, a_night())
    keys.register(keys.entry(revoked_at=NOW - DAY))
    assert known_manifest(parcel.folder, parcel.manifest.sha256()) == parcel.manifest
    with pytest.raises(ParcelRefused, match="not the one that was taken in"):
        known_manifest(parcel.folder, "0" * 64)


def test_a_parcel_in_the_ledger_is_asked_again_before_it_is_loaded(keys):
    said = {"practice_code": "A12345", "supplier_format": "emis_csv", "created_at": NOW.isoformat()}
    said["signing_key"] = "signing-v1"
    check_still_known(said, keys.folder, now=NOW)
    keys.register(keys.entry(revoked_at=NOW))
    with pytest.raises(ParcelRefused, match="was revoked"):
        check_still_known(said, keys.folder, now=NOW)
