"""Keys sealed under a real OpenBao: one unwrap a run, and each bad day told apart without quoting it."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from crossing.errors import TryAgain
from crossing.key_files import KeyRefused
from key_custody import unwrapped
from key_custody.custody import open_custody
from key_custody.custody_file import read_custody_file, write_custody_file
from key_custody.errors import CustodyAway, CustodyRefused
from key_custody.seal_keys import seal_keys
from support import openbao_server
from support.openbao_server import OpenBao, an_openbao
from support.sealed_keys import Sealing, for_vault, secret

pytestmark = pytest.mark.skipif(openbao_server.binary() is None, reason="no OpenBao here; `make test` installs it")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with an_openbao(tmp_path_factory.mktemp("openbao")) as bao:
        yield bao


@pytest.fixture
def bao(server: OpenBao) -> OpenBao:
    server.answer = None
    server.calls.clear()
    return server


@pytest.fixture
def transit_key(bao: OpenBao, request: pytest.FixtureRequest) -> str:
    name = "gp-source-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]
    bao.write(f"transit/keys/{name}")
    return name


@pytest.fixture
def sealing(tmp_path: Path, bao: OpenBao, transit_key: str) -> Sealing:
    return for_vault(tmp_path, bao, transit_key=transit_key)


@pytest.fixture
def sealed(sealing: Sealing, bao: OpenBao) -> Sealing:
    seal_keys(sealing.folder, sealing.settings)
    forget()
    bao.calls.clear()
    return sealing


def forget() -> None:
    """A new process, as far as custody knows."""
    unwrapped._kept.clear()


def with_token(sealed: Sealing, token: str) -> None:
    path = Path(read_custody_file(sealed.folder).how.token_file)
    path.unlink()
    secret(path.parent, path.name, token)
    forget()


def first_secret(sealed: Sealing) -> bytes:
    return open_custody(sealed.folder).secret("memory-v1", expected_bytes=32)


def test_sealed_keys_are_the_same_keys_and_nothing_plain_is_left(sealed: Sealing) -> None:
    custody = open_custody(sealed.folder)
    assert custody.backend == "vault"
    assert {name: custody.secret(name, expected_bytes=len(key)) for name, key in sealed.keys.items()} == sealed.keys
    assert custody.names() == sorted(sealed.keys)
    assert not list(sealed.folder.glob("*.key"))
    everything = b"".join(path.read_bytes() for path in sealed.folder.iterdir())
    assert not any(key[:16] in everything or key[:16].hex().encode() in everything for key in sealed.keys.values())


def test_vault_is_asked_once_however_many_keys_are_read(sealed: Sealing, bao: OpenBao) -> None:
    for _ in range(20):
        for name, key in sealed.keys.items():
            open_custody(sealed.folder).secret(name, expected_bytes=len(key))
    assert bao.calls == [f"POST /v1/transit/decrypt/{sealed.settings.how.transit_key}"]


def test_a_worker_needs_leave_to_decrypt_with_one_key_and_for_nothing_else(sealed: Sealing, bao: OpenBao) -> None:
    key = sealed.settings.how.transit_key
    with_token(sealed, bao.token_for(f"transit/decrypt/{key}"))
    assert first_secret(sealed) == sealed.keys["memory-v1"]
    with_token(sealed, bao.token_for("transit/decrypt/another"))
    with pytest.raises(CustodyRefused, match="denies"):
        first_secret(sealed)


def test_a_role_may_log_in_in_place_of_a_token(sealed: Sealing, bao: OpenBao, tmp_path: Path) -> None:
    bao.write("sys/auth/approle", type="approle")
    rules = f'path "transit/decrypt/{sealed.settings.how.transit_key}" {{ capabilities = ["update"] }}'
    bao.write("sys/policies/acl/worker", policy=rules)
    bao.write("auth/approle/role/worker", token_policies=["worker"])
    role = requests_role_id(bao)
    wrong = secret(tmp_path, "wrong-secret-id", "nobody")
    right = secret(tmp_path, "secret-id", bao.write("auth/approle/role/worker/secret-id")["data"]["secret_id"])
    use_role(sealed, secret(tmp_path, "role-id", role), wrong)
    with pytest.raises(CustodyRefused):
        first_secret(sealed)
    use_role(sealed, str(tmp_path / "role-id"), right)
    assert first_secret(sealed) == sealed.keys["memory-v1"]


def requests_role_id(bao: OpenBao) -> str:
    import requests

    url = f"http://127.0.0.1:{bao.port}/v1/auth/approle/role/worker/role-id"
    headers = {"X-Vault-Token": openbao_server.ROOT_TOKEN}
    return str(requests.get(url, headers=headers, timeout=10).json()["data"]["role_id"])


def use_role(sealed: Sealing, role_id_file: str, secret_id_file: str) -> None:
    from dataclasses import replace

    present = read_custody_file(sealed.folder)
    how = replace(present.how, token_file="", role_id_file=role_id_file, secret_id_file=secret_id_file)
    write_custody_file(sealed.folder, replace(present, how=how))
    forget()


def test_a_wrong_token_is_for_a_person_and_is_not_quoted(sealed: Sealing) -> None:
    with_token(sealed, "s.not-the-token-at-all")
    with pytest.raises(CustodyRefused) as refused:
        first_secret(sealed)
    assert "not-the-token" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_a_deleted_wrapping_key_ends_every_key(sealed: Sealing, bao: OpenBao) -> None:
    key = sealed.settings.how.transit_key
    bao.write(f"transit/keys/{key}/config", deletion_allowed=True)
    bao.delete(f"transit/keys/{key}")
    with pytest.raises(CustodyRefused, match="gone"):
        first_secret(sealed)


def test_a_version_that_is_no_longer_allowed_is_refused_until_the_data_key_is_wrapped_anew(
    sealed: Sealing, bao: OpenBao
) -> None:
    key = sealed.settings.how.transit_key
    bao.write(f"transit/keys/{key}/rotate")
    before = {path.name: path.read_bytes() for path in sealed.folder.glob("*.sealed")}
    assert seal_keys(sealed.folder, sealed.settings).rewrapped
    bao.write(f"transit/keys/{key}/config", min_decryption_version=2)
    forget()
    assert first_secret(sealed) == sealed.keys["memory-v1"]
    assert {path.name: path.read_bytes() for path in sealed.folder.glob("*.sealed")} == before
    bao.write(f"transit/keys/{key}/rotate")
    bao.write(f"transit/keys/{key}/config", min_decryption_version=3)
    forget()
    with pytest.raises(CustodyRefused, match="no longer allowed"):
        first_secret(sealed)


@pytest.mark.parametrize(
    ("status", "errors"),
    [(503, ["Vault is sealed"]), (429, ["request rate limit exceeded"]), (502, []), (500, ["internal error"])],
)
def test_a_sealed_busy_or_broken_vault_is_tried_again(
    sealed: Sealing, bao: OpenBao, status: int, errors: list[str]
) -> None:
    bao.answer = (status, {"errors": [*errors, "s.a-token-in-an-answer"]})
    with pytest.raises(TryAgain) as away:
        first_secret(sealed)
    assert "s.a-token" not in str(away.value)
    bao.answer = None
    assert first_secret(sealed) == sealed.keys["memory-v1"]


@pytest.mark.parametrize("answer", [{}, {"data": {}}, {"data": {"plaintext": "%%"}}, {"data": {"plaintext": "AAAA"}}])
def test_an_answer_without_a_key_is_none(sealed: Sealing, bao: OpenBao, answer: dict[str, object]) -> None:
    bao.answer = (200, answer)
    with pytest.raises(CustodyRefused):
        first_secret(sealed)


def test_a_vault_that_is_down_is_tried_again(sealed: Sealing) -> None:
    from dataclasses import replace

    present = read_custody_file(sealed.folder)
    write_custody_file(sealed.folder, replace(present, how=replace(present.how, address="http://127.0.0.1:9")))
    forget()
    with pytest.raises(CustodyAway):
        first_secret(sealed)


def test_vault_elsewhere_is_asked_over_https_only(sealed: Sealing) -> None:
    from dataclasses import replace

    present = read_custody_file(sealed.folder)
    write_custody_file(sealed.folder, replace(present, how=replace(present.how, address="http://vault.example:8200")))
    forget()
    with pytest.raises(CustodyRefused, match="https"):
        first_secret(sealed)


def test_a_loose_token_file_is_refused(sealed: Sealing) -> None:
    Path(read_custody_file(sealed.folder).how.token_file).chmod(0o440)
    with pytest.raises(KeyRefused, match="0400"):
        first_secret(sealed)


def test_the_environments_token_is_not_used(sealed: Sealing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", openbao_server.ROOT_TOKEN)
    with_token(sealed, "s.wrong")
    with pytest.raises(CustodyRefused):
        first_secret(sealed)


def test_a_sealed_key_cannot_be_passed_off_as_another(sealed: Sealing) -> None:
    (sealed.folder / "memory-v1.sealed").rename(sealed.folder / "aside")
    (sealed.folder / "token-gpdpr-v1.sealed").rename(sealed.folder / "memory-v1.sealed")
    with pytest.raises(KeyRefused, match="does not open"):
        first_secret(sealed)


def test_a_changed_byte_or_another_zone_does_not_open(sealed: Sealing) -> None:
    from dataclasses import replace

    write_custody_file(sealed.folder, replace(read_custody_file(sealed.folder), zone="central"))
    with pytest.raises(KeyRefused, match="does not open"):
        first_secret(sealed)
    write_custody_file(sealed.folder, replace(read_custody_file(sealed.folder), zone="source"))
    path = sealed.folder / "memory-v1.sealed"
    content = bytearray(path.read_bytes())
    content[20] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)
    path.chmod(0o400)
    with pytest.raises(KeyRefused, match="does not open"):
        first_secret(sealed)


def test_new_keys_are_written_sealed_and_destroyed_as_others(sealed: Sealing) -> None:
    key, custody = os.urandom(32), open_custody(sealed.folder)
    custody.write("token-gpdpr-v2", key)
    assert open_custody(sealed.folder).secret("token-gpdpr-v2", expected_bytes=32) == key
    assert (sealed.folder / "token-gpdpr-v2.sealed").stat().st_mode & 0o777 == 0o400
    custody.destroy("token-gpdpr-v2")
    assert custody.names() == sorted(sealed.keys)


def test_sealing_that_is_stopped_loses_nothing_and_goes_on(sealing: Sealing, bao: OpenBao) -> None:
    bao.answer = (503, {"errors": ["Vault is sealed"]})
    with pytest.raises(TryAgain):
        seal_keys(sealing.folder, sealing.settings)
    assert len(list(sealing.folder.glob("*.key"))) == 3
    (sealing.folder / "memory-v1.sealed").write_bytes(b"from a run that was killed")
    bao.answer = None
    seal_keys(sealing.folder, sealing.settings)
    forget()
    assert first_secret(sealing) == sealing.keys["memory-v1"]


def test_a_plain_key_added_later_is_sealed_by_the_same_command(sealed: Sealing) -> None:
    key = os.urandom(32)
    secret(sealed.folder, "aside", "")
    (sealed.folder / "signing-v1.key").write_bytes(key)
    (sealed.folder / "signing-v1.key").chmod(0o400)
    assert seal_keys(sealed.folder, sealed.settings).sealed == ["signing-v1"]
    assert open_custody(sealed.folder).secret("signing-v1", expected_bytes=32) == key
    assert not (sealed.folder / "signing-v1.key").exists()


def test_two_keys_of_one_name_are_a_question_for_a_person(sealed: Sealing) -> None:
    (sealed.folder / "memory-v1.key").write_bytes(os.urandom(32))
    (sealed.folder / "memory-v1.key").chmod(0o400)
    with pytest.raises(KeyRefused, match="differ"):
        seal_keys(sealed.folder, sealed.settings)
    assert (sealed.folder / "memory-v1.key").exists()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace('backend = "vault"', 'backend = "cloud"'),
        lambda text: text.replace('zone = "source"', 'zone = "other"'),
        lambda text: text.replace("transit_mount", "transit_mounts"),
        lambda text: text + 'token = "s.in-clear"\n',
        lambda text: text.replace("data_key", "datakey"),
        lambda text: "not toml at all",
    ],
)
def test_a_custody_file_that_says_too_little_or_too_much_is_refused(sealed: Sealing, spoil) -> None:
    path = sealed.folder / "custody.toml"
    text = path.read_text()
    path.chmod(0o600)
    path.write_text(spoil(text))
    with pytest.raises(CustodyRefused, match=r"custody\.toml"):
        first_secret(sealed)
