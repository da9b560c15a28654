"""What a supplier's server says, names or sends is foreign: a way in that fails tells its kind, and repeats none of it.

That a file's name is not repeated is tested beside each way in (test_sftp.py, test_mesh_in.py).
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from support import sshd
from support.bulk_fhir_server import Plan, running
from support.mesh_world import World as MeshWorld
from support.sftp_world import World as SftpWorld
from support.told import told_by

NAME = "Zebrowska9990000018"
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": NAME, "diagnostics": NAME}]}
ENTRY = {"type": "Patient", "url": f"http://127.0.0.1:9/{NAME}", "count": 1}
WHOLE = {"transactionTime": "2026-09-02T01:00:00Z", "request": "x", "requiresAccessToken": True, "output": [ENTRY]}

BULK_FHIR: dict[str, dict[str, Any]] = {
    "no token": {"token_status": 400, "refusal": {"error": NAME, "error_description": NAME}},
    "no token, and no JSON": {"token_status": 500, "refusal": OUTCOME},
    "no export": {"kick_off_status": 400, "refusal": OUTCOME},
    "an export that broke": {"poll_statuses": [500], "poll_body": OUTCOME},
    "an address that is none": {"location": f"http://[{NAME}"},
    "an address elsewhere": {"location": f"http://{NAME}.example.invalid/{NAME}"},
    "a wait that is no time": {"kick_off_status": 429, "retry_after": NAME, "refusal": OUTCOME},
    "a manifest cut off": {"manifest": f'{{"transactionTime": "{NAME}'.encode()},
    "a manifest in no encoding": {"manifest": f'{{"{NAME}\xe9": 1}}'.encode("latin-1")},
    "a manifest that is none": {"manifest": json.dumps({NAME: NAME}).encode()},
    "a moment that is none": {"manifest": json.dumps(WHOLE | {"transactionTime": NAME}).encode()},
    "a file that is nowhere": {"manifest": json.dumps(WHOLE).encode()},
    "a file of another kind": {"manifest": json.dumps(WHOLE | {"output": [ENTRY | {"type": NAME}]}).encode()},
    "a count that is none": {"manifest": json.dumps(WHOLE | {"output": [ENTRY | {"count": NAME}]}).encode()},
}


@pytest.mark.parametrize("what", BULK_FHIR)
def test_a_bulk_data_server(what: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from integration.test_bulk_fhir import World

    plan: dict[str, Any] = {"files": {"Patient": [{"resourceType": "Patient", "id": NAME}]}, **BULK_FHIR[what]}
    with running(Plan(**plan)) as server:
        world = World(tmp_path, server)

        def fetch() -> None:
            plan_now = server.plan
            plan_now.poll_statuses = list(plan.get("poll_statuses", []))
            world.transport().landing.journal()
            world.fetch()

        assert not told_by(fetch, capfd).has(NAME)


def test_an_http_library_would_tell_every_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise the silence above would be nobody's doing."""
    import httpx

    library = logging.getLogger("httpx")
    library.disabled, level = False, library.level
    library.setLevel(logging.NOTSET)
    try:
        with running(Plan()) as server, caplog.at_level(logging.INFO):
            httpx.get(f"{server.base}/{NAME}", trust_env=False)
        assert NAME in caplog.text
    finally:
        library.setLevel(level)


@pytest.mark.skipif(not sshd.is_installed(), reason="needs the Debian package openssh-server")
def test_an_sftp_server(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A name that cannot be one of a delivery; paramiko logs what it does with every file."""
    with sshd.running(tmp_path / "sshd") as server:
        world = SftpWorld(tmp_path, server)
        (world.remote / f"{NAME};.csv").write_text(NAME)
        told = told_by(lambda: world.release().transport.fetch(None, lambda _: None), capfd)
    assert not told.has(NAME)


def test_a_mailbox(world: MeshWorld, capfd: pytest.CaptureFixture[str]) -> None:
    """In every header that a sender fills in, and as what it sends."""
    world.send(f"{NAME}.csv", NAME.encode(), subject=NAME)
    assert not told_by(world.fetch, capfd).has(NAME)
    assert NAME not in str(world.sandbox.calls)
