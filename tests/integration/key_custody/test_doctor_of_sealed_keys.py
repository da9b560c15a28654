"""The doctor where keys are sealed: the data key, and what opens it, are as secret as the keys."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crossing.key_files import write_key_file
from key_custody import unwrapped
from key_custody.custody_file import CustodySettings, VaultSettings, read_custody_file, write_custody_file
from key_custody.seal_keys import seal_keys
from key_custody.vault import Vault
from key_custody.whereabouts.doctor import Asked, examine
from key_custody.whereabouts.search_places import METADATA, OTHERS
from key_custody.whereabouts.verdict import WRONG, Verdict, check
from source_zone import doctor as source_doctor
from support import openbao_server
from support.openbao_server import OpenBao, an_openbao
from support.own_processes import own_processes
from support.source_zone import SourceZone, make_source_zone

pytestmark = pytest.mark.skipif(openbao_server.binary() is None, reason="no OpenBao here; `make test` installs it")


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with an_openbao(tmp_path_factory.mktemp("openbao")) as bao:
        bao.write("transit/keys/gp-source")
        yield bao


@pytest.fixture
def zone(bao: OpenBao, tmp_path: Path) -> SourceZone:
    zone = make_source_zone(tmp_path)
    for name in ("outbox", "airflow/logs"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "something").write_text("so that there is something to look at")
    write_key_file(tmp_path / "token", bao.token_for("transit/decrypt/gp-source").encode())
    write_key_file(tmp_path / "sealers-token", openbao_server.ROOT_TOKEN.encode())
    how = VaultSettings(
        address=bao.address,
        transit_mount="transit",
        transit_key="gp-source",
        ca_file="",
        namespace="",
        token_file=str(tmp_path / "token"),
        role_id_file="",
        secret_id_file="",
    )
    sealer = Vault(zone.settings.keys, replace(how, token_file=str(tmp_path / "sealers-token")))
    seal_keys(zone.settings.keys, CustodySettings(zone="source", how=how, data_key=""), sealer)
    unwrapped._kept.clear()
    return zone


def said_of(zone: SourceZone) -> list[Verdict]:
    surroundings = {"AIRFLOW_HOME": str(zone.root / "airflow"), "TMPDIR": str(zone.root / "none")}
    patient = replace(source_doctor.deployment(zone.settings, surroundings), pids=own_processes)
    return examine(patient, Asked(without={METADATA, OTHERS}))


def wrongs(zone: SourceZone) -> str:
    return "\n".join(each.line() for each in said_of(zone) if each.said == WRONG)


def test_sealed_keys_in_order_are_clean_and_vault_is_asked_once(zone: SourceZone, bao: OpenBao) -> None:
    bao.calls.clear()
    check(said_of(zone))
    assert bao.unwraps() == 1


def test_the_data_key_and_the_token_are_looked_for_too(zone: SourceZone) -> None:
    data_key = unwrapped.unwrapped(zone.settings.keys, read_custody_file(zone.settings.keys))
    (zone.root / "outbox" / "note").write_text(data_key.hex())
    token = (zone.root / "token").read_text()
    (zone.root / "airflow" / "logs" / "task.log").write_text(f"X-Vault-Token: {token}")
    assert "data key" in wrongs(zone)
    assert "/token" in wrongs(zone)
    assert token not in wrongs(zone)


def test_the_token_may_lie_among_the_keys(zone: SourceZone) -> None:
    name = "vault-token"
    (zone.root / "token").rename(zone.settings.keys / name)
    present = read_custody_file(zone.settings.keys)
    write_custody_file(zone.settings.keys, replace(present, how=replace(present.how, token_file=name)))
    check(said_of(zone))


def test_a_plain_key_beside_sealed_ones_is_told(zone: SourceZone) -> None:
    write_key_file(zone.settings.keys / "token-gpdpr-v2.key", os.urandom(32))
    assert "plain beside sealed" in wrongs(zone)


def test_while_vault_is_away_the_doctor_says_so_and_looks_at_what_it_can(zone: SourceZone, bao: OpenBao) -> None:
    bao.answer = (503, {"errors": ["Vault is sealed"]})
    zone.settings.keys.chmod(0o777)
    try:
        said = wrongs(zone)
    finally:
        bao.answer = None
    assert "Vault is sealed" in said
    assert "0700" in said
