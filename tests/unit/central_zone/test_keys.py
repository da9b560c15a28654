"""The central zone's keys come from files that only it can read; none is ever made up."""

import pytest

from central_zone import keys
from crossing.key_files import KeyRefused
from support.parcels import Keys

_READERS = {
    "recipient-v1.key": keys.recipient_key,
    "receipt-signing-v1.key": keys.receipt_signing_key,
    "store-v1.key": keys.store_subkey,
}


@pytest.fixture
def folder(tmp_path):
    return Keys(tmp_path / "keys").make().folder


@pytest.mark.parametrize("name", _READERS)
def test_a_missing_key_is_an_error_and_is_not_made(folder, name):
    (folder / name).unlink()
    with pytest.raises(KeyRefused, match=name):
        _READERS[name](folder)
    assert not (folder / name).exists()


@pytest.mark.parametrize("name", _READERS)
def test_a_key_that_others_can_read_is_refused(folder, name):
    (folder / name).chmod(0o444)
    with pytest.raises(KeyRefused, match="can be read by others"):
        _READERS[name](folder)


@pytest.mark.parametrize("name", _READERS)
def test_a_key_cut_short_is_refused(folder, name):
    (folder / name).chmod(0o600)
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])
    (folder / name).chmod(0o400)
    with pytest.raises(KeyRefused, match="bytes of key"):
        _READERS[name](folder)


def test_the_stores_subkey_is_derived_and_not_the_key_itself(folder):
    assert keys.store_subkey(folder) != (folder / "store-v1.key").read_bytes()
    assert keys.store_subkey(folder) == keys.store_subkey(folder)
