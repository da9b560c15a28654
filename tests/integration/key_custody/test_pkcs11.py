"""Keys sealed under an AES key of a PKCS#11 module: SoftHSM, through the same interface as a hardware one."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pkcs11
import pytest

from crossing.key_files import KeyRefused
from key_custody import unwrapped
from key_custody.custody import open_custody
from key_custody.custody_file import read_custody_file, write_custody_file
from key_custody.errors import CustodyRefused
from key_custody.seal_keys import seal_keys
from support.sealed_keys import PIN, SOFTHSM, Sealing, for_pkcs11, make_wrapping_key, secret

pytestmark = [
    pytest.mark.needs_debian,
    pytest.mark.skipif(not SOFTHSM.exists(), reason="no SoftHSM here; .ci/run installs it"),
]
TOKEN = "gp-source"


@pytest.fixture(scope="module", autouse=True)
def module_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        new_token(TOKEN)
        make_wrapping_key(TOKEN)
        yield


def new_token(label: str) -> None:
    command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "0815"]
    subprocess.run(command, check=True, capture_output=True)
    pkcs11.lib(str(SOFTHSM)).reinitialize()


@pytest.fixture
def sealed(tmp_path: Path) -> Sealing:
    sealing = for_pkcs11(tmp_path, TOKEN)
    seal_keys(sealing.folder, sealing.settings)
    unwrapped._kept.clear()
    return sealing


def change(sealed: Sealing, **said: str) -> None:
    present = read_custody_file(sealed.folder)
    write_custody_file(sealed.folder, replace(present, how=replace(present.how, **said)))
    unwrapped._kept.clear()


def first_secret(sealed: Sealing) -> bytes:
    return open_custody(sealed.folder).secret("memory-v1", expected_bytes=32)


def test_sealed_keys_are_the_same_keys_and_nothing_plain_is_left(sealed: Sealing) -> None:
    custody = open_custody(sealed.folder)
    assert custody.backend == "pkcs11"
    assert {name: custody.secret(name, expected_bytes=len(key)) for name, key in sealed.keys.items()} == sealed.keys
    assert not list(sealed.folder.glob("*.key"))


def test_the_module_is_asked_once_however_many_keys_are_read(sealed: Sealing) -> None:
    first_secret(sealed)
    change_the_pin_file(sealed, "9999")
    for name, key in sealed.keys.items():
        assert open_custody(sealed.folder).secret(name, expected_bytes=len(key)) == key


def change_the_pin_file(sealed: Sealing, pin: str) -> None:
    path = Path(read_custody_file(sealed.folder).how.pin_file)
    path.unlink()
    secret(path.parent, path.name, pin)


def test_a_wrong_pin_is_for_a_person_and_is_not_quoted(sealed: Sealing) -> None:
    change_the_pin_file(sealed, "9999")
    with pytest.raises(CustodyRefused, match="PIN") as refused:
        first_secret(sealed)
    assert "9999" not in str(refused.value)


def test_a_loose_pin_file_is_refused(sealed: Sealing) -> None:
    Path(read_custody_file(sealed.folder).how.pin_file).chmod(0o444)
    with pytest.raises(KeyRefused, match="0400"):
        first_secret(sealed)


@pytest.mark.parametrize(
    "said", [{"token_label": "nobody"}, {"key_label": "none"}, {"module": "/nowhere/module.so"}], ids=str
)
def test_a_module_token_or_key_that_is_not_there_is_for_a_person(sealed: Sealing, said: dict[str, str]) -> None:
    change(sealed, **said)
    with pytest.raises(CustodyRefused):
        first_secret(sealed)


def test_another_key_of_the_module_does_not_unwrap(sealed: Sealing) -> None:
    make_wrapping_key(TOKEN, f"other-{os.urandom(4).hex()}")
    make_wrapping_key(TOKEN, "wrong-one")
    change(sealed, key_label="wrong-one")
    with pytest.raises(CustodyRefused):
        first_secret(sealed)


def test_the_data_key_of_one_zone_does_not_unwrap_for_the_other(sealed: Sealing) -> None:
    write_custody_file(sealed.folder, replace(read_custody_file(sealed.folder), zone="central"))
    unwrapped._kept.clear()
    with pytest.raises(CustodyRefused):
        first_secret(sealed)


@pytest.mark.parametrize("data_key", ["", "AAAA", "not base64!", "A" * 80])
def test_a_spoilt_wrapped_key_is_for_a_person(sealed: Sealing, data_key: str) -> None:
    write_custody_file(sealed.folder, replace(read_custody_file(sealed.folder), data_key=data_key))
    with pytest.raises(CustodyRefused):
        first_secret(sealed)


def test_keys_move_to_another_wrapping_key_without_being_sealed_again(sealed: Sealing) -> None:
    make_wrapping_key(TOKEN, "wrap-v2")
    before = {path.name: path.read_bytes() for path in sealed.folder.glob("*.sealed")}
    assert seal_keys(
        sealed.folder, replace(sealed.settings, how=replace(sealed.settings.how, key_label="wrap-v2"))
    ).rewrapped
    unwrapped._kept.clear()
    assert first_secret(sealed) == sealed.keys["memory-v1"]
    assert read_custody_file(sealed.folder).how.key_label == "wrap-v2"
    assert {path.name: path.read_bytes() for path in sealed.folder.glob("*.sealed")} == before
