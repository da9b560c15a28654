"""Both zones with their keys sealed under Vault: a whole run works, and asks Vault for its data key once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from central_zone import load_parcel
from central_zone.settings import Settings
from crossing.errors import TryAgain
from crossing.key_files import write_key_file
from key_custody import unwrapped
from source_zone.release_practice import release_practice
from support import openbao_server
from support.emis_files import write_extract
from support.openbao_server import ROOT_TOKEN, OpenBao, an_openbao
from support.postgres import Postgres, a_server
from support.source_zone import SourceZone, make_source_zone

pytestmark = pytest.mark.skipif(openbao_server.binary() is None, reason="no OpenBao here; `make test` installs it")
CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    with an_openbao(tmp_path_factory.mktemp("openbao")) as bao:
        bao.write("transit/keys/gp-source")
        bao.write("transit/keys/gp-central")
        yield bao


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    zone = make_source_zone(tmp_path)
    case = CHECKOUT / "tests" / "golden" / "identified"
    write_extract(zone.deliveries, json.loads(next(iter(sorted(case.glob("*.json")))).read_text()))
    return zone


def command(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    ran = [sys.executable, "-c", f"import sys; from {name}.command_line import main; sys.exit(main())", *words]
    return subprocess.run(ran, capture_output=True, text=True, timeout=60, env=dict(os.environ), check=False)


def seal(bao: OpenBao, root: Path, zone: str) -> None:
    """As an administrator does it, with one token to seal and another that may decrypt alone."""
    write_key_file(root / f"sealer-{zone}", ROOT_TOKEN.encode())
    write_key_file(root / f"worker-{zone}", bao.token_for(f"transit/decrypt/gp-{zone}").encode())
    where = ["--keys", str(root / "keys" / zone), "--address", bao.address, "--transit-key", f"gp-{zone}"]
    files = ["--token-file", str(root / f"worker-{zone}"), "--sealing-token-file", str(root / f"sealer-{zone}")]
    ran = command(f"{zone}_zone", "keys", "seal", "--backend", "vault", *where, *files)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["backend"] == "vault"


def a_new_process(bao: OpenBao) -> None:
    unwrapped._kept.clear()
    bao.calls.clear()


def test_a_release_and_a_load_unwrap_once_each(
    bao: OpenBao, zone: SourceZone, tmp_path: Path, postgres: Postgres
) -> None:
    seal(bao, tmp_path, "source")
    seal(bao, tmp_path, "central")
    a_new_process(bao)
    assert len(release_practice(zone.release())["parcels"]) == 1
    assert bao.calls == ["POST /v1/transit/decrypt/gp-source"]

    a_new_process(bao)
    settings = central_settings(tmp_path, postgres.a_store())
    [parcel] = settings.inbox_folder.iterdir()
    assert load_parcel.load_parcel(parcel, settings)["state"] == "loaded"
    assert bao.calls == ["POST /v1/transit/decrypt/gp-central"]


def test_nothing_leaves_while_vault_is_sealed_and_everything_after(
    bao: OpenBao, zone: SourceZone, tmp_path: Path
) -> None:
    seal(bao, tmp_path, "source")
    a_new_process(bao)
    bao.answer = (503, {"errors": ["Vault is sealed"]})
    with pytest.raises(TryAgain):
        release_practice(zone.release())
    assert not zone.settings.outbox.exists() or not list(zone.settings.outbox.iterdir())
    bao.answer = None
    assert len(release_practice(zone.release("again"))["parcels"]) == 1


def test_the_list_says_names_versions_and_custody_and_asks_nobody(
    bao: OpenBao, zone: SourceZone, tmp_path: Path
) -> None:
    seal(bao, tmp_path, "source")
    bao.calls.clear()
    ran = command("source_zone", "keys", "list", "--keys", str(zone.settings.keys))
    listed = {each["name"]: (each["version"], each["kept"]) for each in map(json.loads, ran.stdout.splitlines())}
    assert listed["token-gpdpr-v1"] == (1, "vault")
    assert listed["recipient-v1"] == (1, "public")
    assert bao.calls == []


def test_what_is_left_out_is_named(zone: SourceZone) -> None:
    ran = command("source_zone", "keys", "seal", "--backend", "pkcs11", "--keys", str(zone.settings.keys))
    assert ran.returncode == 4
    assert "--module" in ran.stderr
    assert list(zone.settings.keys.glob("*.key"))


def central_settings(root: Path, store: str) -> Settings:
    folders = {name: root / "central" / name.lower() for name in ("work", "receipts", "lineage", "journal")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    return Settings(
        {
            "GP_STORE_URL": store,
            "GP_CENTRAL_KEYS_DIR": str(root / "keys" / "central"),
            "GP_INBOX_DIR": str(root / "outbox"),
            "GP_CENTRAL_WORK_DIR": str(folders["work"]),
            "GP_RECEIPTS_DIR": str(folders["receipts"]),
            "GP_LINEAGE_DIR": str(folders["lineage"]),
            "GP_ERASURE_JOURNAL_DIR": str(folders["journal"]),
        }
    )
