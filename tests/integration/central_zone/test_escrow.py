"""The escrow goes in with the parcel, for whoever went in with it; it stands nowhere in clear, and nobody here can open it."""

import shutil

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey

from central_zone import load_parcel, reconcile, take_notices
from central_zone.reidentification.escrow import Sealed, opened
from crossing.case_request import CaseRefused
from crossing.key_files import KeyRefused
from crossing.policy import PolicyRefused, policy_folder
from support.erasures import a_notice, as_stored, spellings, token, where_found
from support.parcels import PRACTICE, Recipient, a_night, observations, patients, tokens

ESCROW = """
SELECT e.practice_code, p.parcel_id::text, uuid_send(e.registration_token), k.sealed_key, e.sealed
FROM custody.escrow AS e JOIN custody.parcel_key AS k USING (parcel_number) JOIN ledger.parcel AS p USING (parcel_number)
ORDER BY e.registration_token
"""
NAMES = ("practice_code", "parcel_id", "registration_token", "sealed_key", "sealed")


def escrow(zone):
    return [Sealed(**dict(zip(NAMES, row, strict=True))) for row in zone.query(ESCROW)]


def private(whose):
    return MLKEM768X25519PrivateKey(MLKEM768PrivateKey.from_seed_bytes(whose.seed), whose.classical)


def load(zone, tables, sequence=1, previous=None, **how):
    parcel = zone.sealed(tables, sequence=sequence, previous=previous, **how)
    load_parcel.load_parcel(parcel.folder, zone.settings)
    return parcel


def test_the_custodian_and_nobody_else_finds_the_sources_tokens_in_it(zone):
    load(zone, a_night())
    rows = escrow(zone)
    assert [row.registration_token for row in rows] == sorted(as_stored(zone, token(n, 1)) for n in range(10))
    found = {opened(row, private(zone.keys.custodian)) for row in rows}
    assert found == {(token(n, 1), token(n, 2)) for n in range(10)}
    with pytest.raises(CaseRefused) as refused:
        opened(rows[0], private(Recipient()))
    assert refused.value.reason == "custodian_key"


def test_a_row_opens_in_its_own_place_alone(zone):
    load(zone, a_night())
    first, second = escrow(zone)[:2]
    custodian = private(zone.keys.custodian)
    swapped = Sealed(**{**{name: getattr(first, name) for name in NAMES}, "sealed": second.sealed})
    elsewhere = Sealed(**{**{name: getattr(first, name) for name in NAMES}, "practice_code": "A99999"})
    for wrong, reason in ((swapped, "escrow_altered"), (elsewhere, "custodian_key")):
        with pytest.raises(CaseRefused) as refused:
            opened(wrong, custodian)
        assert refused.value.reason == reason


def test_the_sources_tokens_stand_nowhere_in_clear_staged_or_loaded(zone):
    parcel = zone.sealed(a_night())
    sent = [each for n in range(10) for each in (token(n, 1), token(n, 2))]
    needles = [spelt for each in sent for spelt in (each, each.hex().encode())]
    load_parcel.receive_shard("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    load_parcel.validate_shard("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    assert list((zone.root / "work").rglob("escrow.sealed"))
    opened_by_the_test = {f"{parcel.manifest.practice_code} delta 1: {table}" for table in ("patient", "observation")}
    assert where_found(zone, needles) == opened_by_the_test
    load_parcel.load_shard("gpdpr", [parcel.manifest.parcel_id], zone.settings)
    assert len(escrow(zone)) == 10
    assert where_found(zone, needles) == opened_by_the_test
    assert not list((zone.root / "work").rglob("escrow.sealed"))


def test_whoever_was_not_loaded_or_is_no_person_has_none(zone):
    """Quarantined, deleted, and without a valid NHS number."""
    nobody = pa.array([None if n == 2 else each for n, each in enumerate(tokens(10, 2).to_pylist())], pa.binary(16))
    born = [1700 if n == 0 else 1970 for n in range(10)]
    deleted = [n == 1 for n in range(10)]
    load(
        zone,
        {
            "patient": patients(patient_token=nobody, year_of_birth=born, is_deleted=deleted),
            "observation": observations(),
        },
    )
    assert zone.query("SELECT count(*) FROM quarantine.row WHERE table_name = 'patient'") != [(0,)]
    without = {as_stored(zone, token(n, 1)) for n in (0, 1, 2)}
    assert {row.registration_token for row in escrow(zone)} == {as_stored(zone, token(n, 1)) for n in range(3, 10)}
    assert not without & {row.registration_token for row in escrow(zone)}


def test_what_is_only_compared_brings_none(zone):
    first = load(zone, a_night())
    load(zone, a_night(), sequence=2, previous=first, extract_id="recon", extract_kind="recon")
    assert len(escrow(zone)) == 10


def test_whoever_is_erased_leaves_it_loaded_and_staged(zone):
    """Of everybody else each version stays beside their record."""
    first = load(zone, a_night())
    second = load(zone, a_night(), sequence=2, previous=first, extract_id="again")
    assert len(escrow(zone)) == 20
    waiting = zone.sealed(a_night(), sequence=3, previous=second, extract_id="waiting").manifest.parcel_id
    load_parcel.receive_shard("gpdpr", [waiting], zone.settings)
    load_parcel.validate_shard("gpdpr", [waiting], zone.settings)
    notice = a_notice(zone, [(token(0, 1), token(0, 2), 3)])
    take_notices.take_notice(notice.folder, zone.settings)
    assert len(escrow(zone)) == 18
    load_parcel.validate_shard("gpdpr", [waiting], zone.settings)  # what was staged is made again, without them
    assert list((zone.root / "work").rglob("escrow.sealed"))
    assert where_found(zone, spellings(zone, token(0, 1), token(0, 2))) == set()
    load_parcel.load_shard("gpdpr", [waiting], zone.settings)
    assert len(escrow(zone)) == 27
    assert where_found(zone, spellings(zone, token(0, 1), token(0, 2))) == set()
    reconcile.count_rows("gpdpr", zone.settings)
    [report] = [each for each in reconcile.report("gpdpr", zone.settings) if each.practice_code == PRACTICE]
    assert [each for each in report.differences if "not in policy/practices.csv" not in each] == []  # the counts close


def test_whoever_was_erased_before_the_parcel_came_is_not_even_staged(zone):
    """A notice overtook the parcel that it speaks of."""
    first = load(zone, a_night())
    take_notices.take_notice(a_notice(zone, [(token(0, 1), token(0, 2), 2)]).folder, zone.settings)
    late = zone.sealed(a_night(), sequence=2, previous=first, extract_id="late").manifest.parcel_id
    load_parcel.receive_shard("gpdpr", [late], zone.settings)
    load_parcel.validate_shard("gpdpr", [late], zone.settings)
    [staged] = (zone.root / "work").rglob("escrow.sealed")
    assert as_stored(zone, token(1, 1)) in staged.read_bytes()
    assert as_stored(zone, token(0, 1)) not in staged.read_bytes()
    load_parcel.load_shard("gpdpr", [late], zone.settings)
    assert len(escrow(zone)) == 18


def test_without_the_custodians_key_nothing_is_loaded(zone):
    parcel = zone.sealed(a_night())
    key = zone.keys.folder / "custodian-v1.pub"
    key.rename(key.with_suffix(".away"))
    with pytest.raises(KeyRefused, match=r"custodian-v1\.pub"):
        load_parcel.load_parcel(parcel.folder, zone.settings)
    assert zone.query("SELECT count(*) FROM records.patient") == [(0,)]
    key.with_suffix(".away").rename(key)
    load_parcel.load_parcel(parcel.folder, zone.settings)
    assert len(escrow(zone)) == 10


def test_unless_policy_keeps_no_escrow(zone, tmp_path, monkeypatch):
    shutil.copytree(policy_folder(), tmp_path / "policy")
    rules = tmp_path / "policy" / "reidentification.toml"
    rules.write_text(rules.read_text().replace("kept = true", "kept = false", 1))
    monkeypatch.setenv("GP_POLICY_DIR", str(tmp_path / "policy"))
    (zone.keys.folder / "custodian-v1.pub").unlink()
    load(zone, a_night())
    assert zone.query("SELECT count(*) FROM records.patient") == [(10,)]
    assert escrow(zone) == []
    rules.unlink()
    with pytest.raises(PolicyRefused, match=r"reidentification\.toml"):
        load(zone, a_night(), practice_code="A99999")


def test_what_an_earlier_version_staged_is_staged_again(zone):
    parcel = zone.sealed(a_night()).manifest.parcel_id
    load_parcel.receive_shard("gpdpr", [parcel], zone.settings)
    load_parcel.validate_shard("gpdpr", [parcel], zone.settings)
    about = zone.root / "work" / parcel / "about.json"
    about.write_text(about.read_text().replace('"sealed": ["escrow"]', '"more": 1'))
    (about.parent / "escrow.sealed").unlink()
    load_parcel.load_shard("gpdpr", [parcel], zone.settings)
    assert len(escrow(zone)) == 10


def test_each_row_is_sealed_with_a_number_of_its_own(zone):
    """Parts come one after another; the number goes on."""
    load(zone, a_night(), rows_per_part=4)
    assert len({row.sealed[:12] for row in escrow(zone)}) == 10
    assert {opened(row, private(zone.keys.custodian))[1] for row in escrow(zone)} == set(tokens(10, 2).to_pylist())
