"""A source zone with a sealed parcel and a central zone, joined by two mailboxes on a MESH sandbox."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from central_zone import fetch
from central_zone.settings import Settings as CentralSettings
from crossing.mesh_envelope import checksum_of
from crossing.parcel_tar import ParcelTar
from crossing.policy import policy_folder
from source_zone import send
from source_zone.release_practice import release_practice
from source_zone.send import sent_parcels
from source_zone.sent_parcels import Passage
from source_zone.settings import Settings
from support.emis_files import CODES, a_patient, an_observation, write_extract
from support.mesh_server import CENTRAL, OUTBOX, Sandbox
from support.mesh_world import write_secrets
from support.source_zone import make_source_zone

WORKFLOW = "GP_COLLECT_PARCEL"


class BothEnds:
    """`send()` and `fetch()` are what the two commands do."""

    def __init__(self, root: Path, sandbox: Sandbox, **changed: Any) -> None:
        self.root, self.sandbox = root, sandbox
        self.policy = root / "policy"
        shutil.copytree(policy_folder(), self.policy, dirs_exist_ok=True)
        self.connect(**changed)
        self.zone = make_source_zone(root, self.policy)
        write_secrets(self.zone.settings.keys / "connections" / "parcels_out")
        write_secrets(root / "keys" / "central" / "connections" / "parcels_in")
        self.inbox = root / "inbox"
        self.inbox.mkdir()

    def connect(self, to: str = CENTRAL, unclear_seconds: int = 0) -> None:
        """`unclear_seconds` of nought: a message that MESH does not show is taken not to be there."""
        (self.policy / "connections.toml").write_text(
            f"""
[parcels_out]
transport = "mesh"
url = "{self.sandbox.url}"
mailbox = "{OUTBOX}"
to_mailbox = "{to}"
workflow_id = "{WORKFLOW}"
chunk_megabytes = 20
unclear_seconds = {unclear_seconds}
why = "Test"

[parcels_in]
transport = "mesh"
url = "{self.sandbox.url}"
mailbox = "{CENTRAL}"
from_mailboxes = ["{OUTBOX}"]
workflow_id = "{WORKFLOW}"
why = "Test"
"""
        )

    @property
    def settings(self) -> Settings:
        return replace(self.zone.settings, outbox_carrier="mesh")

    def seal(self, stamp: str = "20260902010000") -> str:
        """A parcel in the outbox; its id."""
        rows = {"Admin_Patient": [a_patient("anne")], "CareRecord_Observation": [an_observation("anne", "asthma")]}
        write_extract(self.zone.deliveries, {**rows, "Coding_ClinicalCode": CODES}, stamp)
        (parcel,) = release_practice(self.zone.release(stamp))["parcels"]
        return str(parcel)

    def send(self) -> dict[str, Any]:
        return send.send_parcels("gpdpr", self.settings)

    def fetch(self, *, again: bool = False) -> dict[str, Any]:
        return fetch.fetch_parcels(self.central, again=again)

    def drop(self, message_id: str) -> dict[str, Any]:
        return fetch.drop(message_id, self.central)

    @property
    def central(self) -> CentralSettings:
        values = {
            "GP_INBOX_CARRIER": "mesh",
            "GP_INBOX_DIR": str(self.inbox),
            "GP_CENTRAL_WORK_DIR": str(self.root / "central-work"),
            "GP_CENTRAL_KEYS_DIR": str(self.root / "keys" / "central"),
        }
        return CentralSettings(values)

    def passage(self, parcel_id: str) -> Passage | None:
        return sent_parcels("gpdpr", self.settings).read(parcel_id)

    def tar(self, parcel_id: str) -> bytes:
        tar = ParcelTar.of(self.settings.outbox / parcel_id)
        return tar.read(0, tar.size)

    def send_by_hand(self, content: bytes, local_id: str, sender: str = OUTBOX, **said: str) -> str:
        (self.root / "by-hand").write_bytes(content)
        headers = {"workflow_id": WORKFLOW, "checksum": checksum_of(self.root / "by-hand", "sha256"), **said}
        return self.sandbox.send(content, "x.tar", sender=sender, to=CENTRAL, local_id=local_id, **headers)

    @property
    def waiting(self) -> list[str]:
        return self.sandbox.waiting(CENTRAL)

    @property
    def arrived(self) -> list[str]:
        return sorted(path.name for path in self.inbox.iterdir())

    def is_whole(self, parcel_id: str) -> bool:
        sent, came = self.settings.outbox / parcel_id, self.inbox / parcel_id
        return {path.name: path.read_bytes() for path in sent.iterdir()} == {
            path.name: path.read_bytes() for path in came.iterdir()
        }
