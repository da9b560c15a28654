"""The two commands as the README shows them, as separate processes, each with its own zone's environment only.

The night by hand starts the commands themselves; all others fork theirs, which is the same and costs no imports.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from support.forked import ForkServer
from support.forked_commands import ran
from support.postgres import NOBODY_THERE, Postgres, a_server

BIN = Path(sys.executable).parent
PRACTICE = "Y99001"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with a_server() as server:
        yield server


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs gp-source and gp-central, each told nothing of the other zone."""

    root: Path
    store_url: str
    server: ForkServer | None = None  # without one a process is started anew

    def source(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        folders = {
            "GP_SOURCE_KEYS_DIR": "keys/source",
            "GP_SOURCE_WORK_DIR": "spool",
            "GP_SOURCE_STATE_DIR": "memory",
            "GP_INCOMING_DIR": "deliveries",
            "GP_OUTBOX_DIR": "parcels",
        }
        return self._run(
            "gp-source", arguments, {name: str(self.root / folder) for name, folder in folders.items()} | more
        )

    def central(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        folders = {
            "GP_CENTRAL_KEYS_DIR": "keys/central",
            "GP_INBOX_DIR": "parcels",
            "GP_CENTRAL_WORK_DIR": "work",
            "GP_RECEIPTS_DIR": "receipts",
            "GP_LINEAGE_DIR": "lineage",
            "GP_REGISTER_DIR": "register",
        }
        zone = {name: str(self.root / folder) for name, folder in folders.items()} | {"GP_STORE_URL": self.store_url}
        return self._run("gp-central", arguments, zone | more)

    def _run(self, command: str, arguments: tuple[str, ...], zone: dict[str, str]) -> subprocess.CompletedProcess[str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("GP_")}
        if self.server:
            return ran(self.server, [command, *arguments], plain | zone, self.root)
        return subprocess.run(
            [str(BIN / command), *arguments],
            env=plain | zone,
            cwd=self.root,
            capture_output=True,
            text=True,
            check=False,
        )

    def release(self, **more: str) -> subprocess.CompletedProcess[str]:
        return self.source("release", "--collection", "gpdpr", "--practice", PRACTICE, **more)

    def parcels(self) -> list[str]:
        return sorted(path.name for path in (self.root / "parcels").iterdir() if not path.name.startswith("."))

    def ledger(self) -> list[dict]:
        return list(json.loads(self.central("ledger", "--json").stdout))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    started = ForkServer(tmp_path_factory.mktemp("server") / "log")
    yield started
    started.close()


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory, server: ForkServer) -> Commands:
    """Keys and one small practice; made once, copied by each test."""
    commands = Commands(tmp_path_factory.mktemp("delivered"), "", server)
    assert commands.source("keys", "init", "--dir", "keys").returncode == 0
    size = ("--practices", "1", "--patients", "20", "--entries-per-patient", "40", "--seed", "1", "--night", "1")
    assert commands.source("simulate", "--format", "emis_csv", *size, "--out", "deliveries").returncode == 0
    return commands


@pytest.fixture
def commands(delivered: Commands, tmp_path: Path, postgres: Postgres) -> Commands:
    shutil.copytree(delivered.root, tmp_path, dirs_exist_ok=True)
    return Commands(tmp_path, postgres.a_store(), delivered.server)


def one_line(ran: subprocess.CompletedProcess[str], exit_code: int) -> str:
    assert ran.returncode == exit_code, ran.stderr
    lines = [line for line in ran.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, ran.stderr
    assert "Traceback" not in ran.stderr
    return lines[0]


def test_a_night_by_hand_with_each_zone_blind_to_the_other(commands: Commands) -> None:
    commands = replace(commands, server=None)
    released = commands.release()
    assert released.returncode == 0, released.stderr
    counts = json.loads(released.stdout)
    assert counts["read"] == counts["sent"] + sum(counts["held_back"].values()) + sum(counts["quarantined"].values())

    shutil.move(commands.root / "keys" / "source", commands.root / "taken-away")  # the centre works without it
    loaded = commands.central("load", *commands.parcels())
    assert loaded.returncode == 0, loaded.stderr
    [entry] = commands.ledger()
    assert (entry["state"], entry["practice_code"]) == ("loaded", PRACTICE)
    built = commands.central("register", "build", "--out", "register")
    assert built.returncode == 0, built.stderr
    assert "withdrawn" in (commands.root / "register" / "index.html").read_text()


def test_every_step_may_be_run_twice_and_says_already(commands: Commands) -> None:
    made = commands.central("store", "init", "--leave-settings", GP_STORE_ADMIN_URL=commands.store_url)
    assert "already" in made.stdout + made.stderr
    commands.release()
    assert json.loads(commands.release().stdout)["state"] == "already"
    commands.central("load", *commands.parcels())
    before = commands.ledger()
    again = commands.central("load", *commands.parcels())
    assert again.returncode == 0
    assert "already" in again.stdout
    assert commands.ledger() == before
    commands.central("register", "build", "--out", "register")
    assert "already" in commands.central("register", "build", "--out", "register").stdout


def test_the_store_being_down_is_try_again_and_loses_nothing(commands: Commands) -> None:
    commands.release()
    down = NOBODY_THERE
    line = one_line(commands.central("load", *commands.parcels(), GP_STORE_URL=down), 3)
    assert "try again" in line
    assert commands.central("load", *commands.parcels()).returncode == 0


def test_a_tampered_parcel_is_refused_for_a_person(commands: Commands) -> None:
    commands.release()
    part = next((commands.root / "parcels").glob("*/part-00000.hpke"))
    content = bytearray(part.read_bytes())
    content[len(content) // 2] ^= 1
    part.write_bytes(content)
    one_line(commands.central("load", *commands.parcels()), 4)
    assert not [entry for entry in commands.ledger() if entry["state"] == "loaded"]


def test_a_parcel_for_someone_else_is_refused_for_a_person(commands: Commands) -> None:
    commands.source("keys", "init", "--dir", "other-keys")
    mine, theirs = (commands.root / folder / "source" / "recipient-v1.pub" for folder in ("keys", "other-keys"))
    mine.unlink()
    shutil.copy(theirs, mine)
    commands.release()
    one_line(commands.central("load", *commands.parcels()), 4)


def test_a_missing_folder_is_one_line_for_a_person(commands: Commands) -> None:
    ran = commands.source(
        "release", "--collection", "gpdpr", "--practice", PRACTICE, "--from", "emis_csv:nowhere", "--outbox", "parcels"
    )
    assert "nowhere" in one_line(ran, 4)


def test_a_missing_key_is_one_line_for_a_person(commands: Commands) -> None:
    (commands.root / "keys" / "source" / "memory-v1.key").unlink()
    assert "memory-v1.key" in one_line(commands.release(), 4)


def test_a_missing_setting_is_one_line_for_a_person(commands: Commands) -> None:
    assert "GP_OUTBOX_DIR" in one_line(commands.release(GP_OUTBOX_DIR=""), 4)
    assert "GP_STORE_URL" in one_line(commands.central("ledger", GP_STORE_URL=""), 4)


def test_a_practice_that_is_not_synthetic_is_not_released(commands: Commands) -> None:
    source = f"emis_csv:{commands.root / 'deliveries' / PRACTICE}"
    ran = commands.source("release", "--collection", "gpdpr", "--practice", PRACTICE, "--from", source, "--real")
    assert "synthetic" in one_line(ran, 4)
