"""Both zones' mailboxes on a MESH sandbox, and a source zone that knows the way there."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossing.policy import Practice, policy_folder
from source_zone.release import Release, prepare
from source_zone.settings import Settings
from source_zone.transports.mesh import Mesh
from support import mesh_server
from support.emis_files import CODES, PRACTICE, Rows, a_patient, an_observation, write_extract
from support.mesh_server import Sandbox
from support.source_zone import SourceZone, a_practice, make_source_zone

ROWS = {"Admin_Patient": [a_patient("anne")], "CareRecord_Observation": [an_observation("anne", "asthma")]}
WORKFLOW = "GPDRP_PAT_EXTRACT"
NEIGHBOUR = "Y99002"


class World:
    """A supplier that sends to our mailbox, for a practice named by the LocalID of each message."""

    def __init__(self, root: Path, sandbox: Sandbox, **changed: Any) -> None:
        self.root, self.sandbox = root, sandbox
        policy = root / "policy"
        shutil.copytree(policy_folder(), policy, dirs_exist_ok=True)
        self.connection = {
            "transport": "mesh",
            "url": sandbox.url,
            "mailbox": mesh_server.OURS,
            "workflow_ids": [WORKFLOW],
            "file_name": r"\d+_[A-Za-z]+_[A-Za-z]+_\d{14}_[0-9A-F-]{36}\.csv",
            "practice_in": "local_id",
            "practice": r"(?P<practice>[A-Za-z0-9-]+)_\d+",
            "practices": {},
            "checksum": "sha256",
            "settle_seconds": 0,
            "listing_seconds": 0,
            "why": "Test",
            **changed,
        }
        self.write_policy(policy)
        self.zone: SourceZone = make_source_zone(root, policy)
        self.secrets = self.zone.settings.keys / "connections" / "supplier"
        write_secrets(self.secrets)

    def write_policy(self, policy: Path) -> None:
        """With two practices, which is what the mailbox serves."""
        lines = [f"{key} = {_toml(value)}" for key, value in self.connection.items() if value is not None]
        (policy / "connections.toml").write_text("[supplier]\n" + "\n".join(lines) + "\n")
        head = "practice_code,supplier,format,transport,connection,participates_from,participates_until,synthetic\n"
        rows = [f"{code},EMIS,emis_csv,mesh,supplier,2026-09-01,,yes\n" for code in (PRACTICE, NEIGHBOUR)]
        (policy / "practices.csv").write_text(head + "".join(rows))

    @property
    def settings(self) -> Settings:
        return self.zone.settings

    def release(self, run_id: str = "run", practice: str = PRACTICE) -> Release:
        return prepare("gpdpr", self.practice(practice), run_id, self.settings)

    def practice(self, code: str = PRACTICE) -> Practice:
        return replace(a_practice(code), transport="mesh", connection="supplier")

    def fetch(self, practice: str = PRACTICE) -> None:
        self.release(practice=practice).transport.fetch(None, lambda _: None)

    def transport(self, practice: str = PRACTICE) -> Mesh:
        found = self.release(practice=practice).transport
        assert isinstance(found, Mesh)
        return found

    @property
    def room(self) -> Path:
        return self.settings.landing / ".mesh" / mesh_server.OURS

    @property
    def folder(self) -> Path:
        return self.settings.landing / "gpdpr" / PRACTICE

    def add_practice(self, code: str) -> None:
        with (self.settings.policy_folder / "practices.csv").open("a") as practices:
            practices.write(f"{code},EMIS,emis_csv,mesh,supplier,2026-09-01,,yes\n")

    def add_collection(self, name: str) -> None:
        collections = self.settings.policy_folder / "collections"
        written = (collections / "gpdpr.toml").read_text().replace('id = "gpdpr"', f'id = "{name}"')
        (collections / f"{name}.toml").write_text(written)

    def files(self, stamp: str = "20260902010000", rows: Rows = ROWS) -> dict[str, bytes]:
        """A delivery's files by name."""
        folder = self.root / "written" / stamp
        written = write_extract(folder, {**rows, "Coding_ClinicalCode": CODES}, stamp)
        return {path.name: path.read_bytes() for path in written.values()}

    def deliver(self, stamp: str = "20260902010000", practice: str = PRACTICE, rows: Rows = ROWS) -> list[str]:
        return [self.send(name, content, practice) for name, content in self.files(stamp, rows).items()]

    def send(self, name: str, content: bytes, practice: str = PRACTICE, **said: str) -> str:
        headers = {
            "workflow_id": WORKFLOW,
            "local_id": f"{practice}_1",
            "checksum": f"sha256:{hashlib.sha256(content).hexdigest()}",
            **said,
        }
        return self.sandbox.send(content, name, **{key: value for key, value in headers.items() if value})

    @property
    def landed(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("[!.]*")) if self.folder.exists() else []

    @property
    def waiting(self) -> list[str]:
        return self.sandbox.waiting(mesh_server.OURS)

    @property
    def parcels(self) -> list[str]:
        return sorted(path.name for path in self.settings.outbox.glob("[!.]*"))


def a_name(number: int = 0) -> str:
    """A file name of the agreed form."""
    return f"{292 + number}_Admin_Patient_20260902010000_45E7CD20-EE37-41AB-90D6-DC9D4B03D102.csv"


def write_secrets(folder: Path, password: str = mesh_server.PASSWORD, key: str = mesh_server.SHARED_KEY) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("password", password), ("shared_key", key)):
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(content + "\n")
        (folder / name).chmod(0o400)


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {json.dumps(each)}" for key, each in value.items()) + "}"
    return json.dumps(value)
