"""A supplier's SFTP server with one practice's folder, and a source zone that knows the way there."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from crossing.policy import policy_folder
from source_zone.release import Release, prepare
from support import sshd
from support.emis_files import CODES, PRACTICE, Rows, a_patient, an_observation, write_extract
from support.source_zone import SourceZone, a_practice, make_source_zone

ROWS = {"Admin_Patient": [a_patient("anne")], "CareRecord_Observation": [an_observation("anne", "asthma")]}


class World:
    """Everything under one folder; `changed` are keys of the connection that differ, or are left out where None."""

    def __init__(self, root: Path, server: sshd.Server, **changed: Any) -> None:
        self.server, self.remote = server, root / "remote" / PRACTICE
        self.remote.mkdir(parents=True, exist_ok=True)
        policy = root / "policy"
        shutil.copytree(policy_folder(), policy, dirs_exist_ok=True)
        self.connection = {
            "transport": "sftp",
            "host": "127.0.0.1",
            "port": server.port,
            "user": server.user,
            "host_key": server.host_key,
            "folder": str(self.remote.parent),
            "settle_seconds": 0,
            "why": "Test",
            **changed,
        }
        lines = [f"{key} = {value!r}" for key, value in self.connection.items() if value is not None]
        (policy / "connections.toml").write_text("[supplier]\n" + "\n".join(lines) + "\n")
        practices = (policy / "practices.csv").read_text()
        row = f"{PRACTICE},EMIS,emis_csv,directory,{PRACTICE}"
        (policy / "practices.csv").write_text(
            practices.replace(row, row.replace(f"directory,{PRACTICE}", "sftp,supplier"))
        )
        self.zone: SourceZone = make_source_zone(root, policy)
        self.secrets = self.zone.settings.keys / "connections" / "supplier"
        self.secrets.mkdir(parents=True)
        shutil.copy(server.private_key, self.secrets / "id_ed25519")
        (self.secrets / "id_ed25519").chmod(0o400)

    def release(self, run_id: str = "run") -> Release:
        practice = replace(a_practice(), transport="sftp", connection="supplier")
        return prepare("gpdpr", practice, run_id, self.zone.settings)

    def deliver(self, stamp: str = "20260902010000", rows: Rows | None = None) -> dict[str, Path]:
        return write_extract(self.remote, {**(rows or ROWS), "Coding_ClinicalCode": CODES}, stamp)

    @property
    def landed(self) -> list[str]:
        folder = self.zone.settings.landing / "gpdpr" / PRACTICE
        return sorted(path.name for path in folder.glob("[!.]*")) if folder.exists() else []
