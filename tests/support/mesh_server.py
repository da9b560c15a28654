"""NHS England's MESH sandbox on loopback, in an environment of its own, with full authentication and its messages on disk."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from mesh_client import MeshClient

PYTHON = Path(sys.prefix) / "mesh_sandbox" / "bin" / "python"
PASSWORD, SHARED_KEY = "password", "shared-key-of-the-sandbox"  # the sandbox gives every mailbox this password
SUPPLIER, OURS, OUTBOX, CENTRAL = "SUPPLIER1", "GPCOLLECT1", "GPCOLLECT2", "GPCENTRAL1"
CHECKING, SERVICE = "GPCOLLECT3", "NHSCHECK1"  # who asks about National Data Opt-outs, and who answers
MAILBOXES = (SUPPLIER, OURS, OUTBOX, CENTRAL, CHECKING, SERVICE, "STRANGER1")


@dataclass(frozen=True, slots=True)
class Sandbox:
    """Where it listens; what was asked of it; what it is to get wrong next."""

    root: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, mailbox: str) -> MeshClient:
        return MeshClient(self.url, mailbox, PASSWORD, shared_key=SHARED_KEY.encode(), max_retries=0)

    def send(self, content: bytes, filename: str, sender: str = SUPPLIER, to: str = OURS, **said: str) -> str:
        size = int(said.pop("max_chunk_size", "0")) or None
        with self.client(sender) as client:
            return client.send_message(to, content, filename=filename, max_chunk_size=size, **said)

    def waiting(self, mailbox: str) -> list[str]:
        with self.client(mailbox) as client:
            return list(client.iterate_message_ids())

    def track(self, mailbox: str, message_id: str) -> dict[str, Any]:
        with self.client(mailbox) as client:
            return dict(client.track_message(message_id))

    def report(self, mailbox: str, **said: str) -> None:
        body = {"mailbox_id": mailbox, "description": "Not collected", **said}
        requests.post(f"{self.url}/messageexchange/admin/report", json=body, timeout=10).raise_for_status()

    def fail_next(self, method: str, path: str, answer: int | str, times: int = 1) -> None:
        faults = [{"method": method, "path": path, "answer": answer}] * times
        (self.root / "faults.json").write_text(json.dumps(faults))

    def shift_clock(self, minutes: int) -> None:
        (self.root / "clock_minutes").write_text(str(minutes))

    @property
    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines() if (self.root / "calls").exists() else []

    def count(self, method: str, ending: str = "") -> int:
        """How often a path was called, by what it ends with."""
        found = [line.split(" ") for line in self.calls]
        return sum(1 for words in found if words[0] == method and words[1].endswith(ending))

    def reset(self) -> None:
        """An empty MESH, on time and without faults."""
        for name in ("faults.json", "clock_minutes", "calls"):
            (self.root / name).unlink(missing_ok=True)
        for mailbox in MAILBOXES:
            shutil.rmtree(self.root / "store" / mailbox / "in", ignore_errors=True)
        requests.delete(f"{self.url}/messageexchange/admin/reset", timeout=10).raise_for_status()
        (self.root / "calls").unlink(missing_ok=True)


def is_installed() -> bool:
    return PYTHON.exists()


@contextmanager
def running(root: Path, *tls: str) -> Iterator[Sandbox]:
    """`tls` are uvicorn's options for certificates; without them the sandbox speaks plain HTTP."""
    for mailbox in MAILBOXES:
        (root / "store" / mailbox).mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "AUTH_MODE": "full",
        "STORE_MODE": "file",
        "FILE_STORE_DIR": str(root / "store"),
        "SHARED_KEY": SHARED_KEY,
        "GP_SANDBOX_ROOT": str(root),
    }
    command = [PYTHON, "-m", "uvicorn", "--app-dir", Path(__file__).parent, "mesh_server_app:app"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--no-date-header", "--log-level", "critical"]
    with (root / "log").open("w") as log:
        process = subprocess.Popen([*command, *options, *tls], env=environment, stdout=log, stderr=log)
    try:
        _wait_for(port, process, root / "log")
        yield Sandbox(root, port)
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until it answers; a server that ends instead is told at once."""
    while process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError(f"The MESH sandbox ended with {process.returncode}: {log.read_text()[-2000:]}")
