"""What Airflow's tasks say of MESH: a run is not green while a mailbox needs somebody."""

from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from account_for_parcels import fetch_parcels
from account_for_practices import send_parcels
from support import mesh_server
from support.mesh_both_ends import BothEnds
from support.mesh_server import Sandbox
from support.mesh_world import World, a_name

pytestmark = pytest.mark.skipif(
    not mesh_server.is_installed(), reason="needs the MESH sandbox: `make test` installs it"
)


def live_in(world: World | BothEnds, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of both zones' workers."""
    settings = world.settings
    for name, value in {
        "GP_POLICY_DIR": settings.policy_folder,
        "GP_SOURCE_KEYS_DIR": settings.keys,
        "GP_SOURCE_WORK_DIR": settings.spool,
        "GP_SOURCE_STATE_DIR": settings.memory,
        "GP_LANDING_DIR": settings.landing,
        "GP_INCOMING_DIR": settings.incoming,
        "GP_OUTBOX_DIR": settings.outbox,
        "GP_OUTBOX_CARRIER": settings.outbox_carrier,
        "GP_INBOX_CARRIER": "mesh",
        "GP_INBOX_DIR": world.root / "inbox",
        "GP_CENTRAL_WORK_DIR": world.root / "central-work",
        "GP_CENTRAL_KEYS_DIR": world.root / "keys" / "central",
    }.items():
        monkeypatch.setenv(name, str(value))


def test_a_run_fails_while_a_message_is_nobodys_and_its_line_names_no_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_in(world, monkeypatch)
    assert send_parcels("gpdpr") == {"carrier": "directory"}
    world.send(a_name(), b"whose?", "Y99777")
    with pytest.raises(AirflowFailException, match="MailboxNeedsAPerson: connection supplier: 1 messages") as raised:
        send_parcels("gpdpr")
    assert "Y99777" not in str(raised.value)
    assert a_name() not in str(raised.value)


def test_both_ends_as_tasks(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = BothEnds(tmp_path, sandbox)
    live_in(ends, monkeypatch)
    parcel = ends.seal()
    assert send_parcels("gpdpr") == {"carrier": "mesh", "sent": 1}
    assert fetch_parcels() == {"carrier": "mesh", "fetched": 1, "already": 0}
    assert ends.is_whole(parcel)
    assert send_parcels("gpdpr") == {"carrier": "mesh", "delivered": 1}


def test_mesh_being_down_is_tried_again_and_a_bad_message_is_not(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = BothEnds(tmp_path, sandbox)
    live_in(ends, monkeypatch)
    sandbox.fail_next("GET", "/inbox$", 429)
    with pytest.raises(AirflowException, match="MeshDown") as raised:
        fetch_parcels()
    assert not isinstance(raised.value, AirflowFailException)
    ends.send_by_hand(b"no parcel", "Anne Smith")
    with pytest.raises(AirflowFailException, match="NotAllFetched") as failed:
        fetch_parcels()
    assert "Anne" not in str(failed.value)
