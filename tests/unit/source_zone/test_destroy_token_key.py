"""An old token key is destroyed on the centre's word alone, and while nothing here may still be under it; sealed ones too."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from central_zone import keys as central_keys
from crossing import answers
from crossing.key_files import KeyRefused
from crossing.manifest import canonical_json
from key_custody.sealed_files import SealedFiles
from source_zone import token_key_versions
from source_zone.destroy_token_key import KeyStillNeeded, destroy_token_key
from source_zone.release_practice import release_practice
from source_zone.token_key_versions import destroy, make_next, newest_version, versions
from support.emis_files import PRACTICE, a_patient, write_extract
from support.source_zone import SourceZone, make_source_zone


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def centres_word(zone: SourceZone) -> bytes:
    content = {"collection": "gpdpr", "token_key": "token-gpdpr-v1"}
    signed = answers.bytes_to_sign(content, answers.PAYLOAD_TYPES[answers.RETIREMENT])
    signature = central_keys.receipt_signing_key(zone.root / "keys" / "central").sign(signed).hex()
    return canonical_json(
        {answers.RETIREMENT: content, "signing_key": central_keys.RECEIPT_SIGNING_KEY, "signature": signature}
    )


def test_a_first_parcel_whose_run_was_killed_as_it_left_keeps_its_key(zone: SourceZone) -> None:
    write_extract(zone.deliveries, {"Admin_Patient": [a_patient("anne")]}, "20260902010000")
    release_practice(zone.release())
    file = zone.release().memory_file()
    (file.folder / "memory.sealed").rename(file.folder / "memory.next.sealed")
    make_next(zone.settings.keys, "gpdpr")
    with pytest.raises(KeyStillNeeded, match=f"still the key of {PRACTICE}"):
        destroy_token_key("gpdpr", 1, centres_word(zone), zone.settings)
    file.commit()
    file.prepare(replace(file.read(), token_key_version=2))
    file.commit()
    assert destroy_token_key("gpdpr", 1, centres_word(zone), zone.settings)["state"] == "destroyed"


def test_sealed_keys_are_made_and_destroyed_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_key = os.urandom(32)
    monkeypatch.setattr(
        token_key_versions, "open_custody", lambda folder: SealedFiles(folder, "source", "vault", data_key)
    )
    with pytest.raises(KeyRefused, match="no token key of gpdpr"):
        make_next(tmp_path, "gpdpr")
    SealedFiles(tmp_path, "source", "vault", data_key).write("token-gpdpr-v1", os.urandom(32))
    assert (make_next(tmp_path, "gpdpr"), newest_version(tmp_path, "gpdpr")) == (2, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["token-gpdpr-v1.sealed", "token-gpdpr-v2.sealed"]
    assert destroy(tmp_path, "gpdpr", 1)
    assert not destroy(tmp_path, "gpdpr", 1)
    assert versions(tmp_path, "gpdpr") == [2]
