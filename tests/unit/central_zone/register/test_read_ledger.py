"""The register reads the real ledger of a real PostgreSQL."""

import uuid
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from central_zone import audit
from central_zone.errors import StoreDown
from central_zone.register.build_register import build
from central_zone.register.read_ledger import read_ledger
from central_zone.settings import Settings
from central_zone.store.connection import open_store
from central_zone.store.tables import parcel, refusal

_NUMBERS = count(1)
AT = datetime(2026, 9, 2, 1, tzinfo=UTC)
COUNTS = {"patients_may_leave": 94, "patients_held_back": {"type_one_opt_out": 4}, "tables": {}}
MANIFEST = {
    "counts": COUNTS,
    "policy_sha256": {"collections/gpdpr.toml": "ab" * 32},
    "schema_sha256": "ef" * 32,
    "token_key": "token-gpdpr-v1",
    "software": "gp-collect 0.1.0",
}


def a_row(practice: str, **values: Any) -> dict[str, Any]:
    return {
        "parcel_number": next(_NUMBERS),
        "parcel_id": uuid.uuid4(),
        "collection": "gpdpr",
        "practice_code": practice,
        "sequence": 1,
        "manifest_sha256": uuid.uuid4().hex,
        "extract_id": "20260902010000",
        "extract_taken_at": AT,
        "supplier_format": "emis_csv",
        "synthetic": True,
        "state": "loaded",
        "received_at": AT,
        "loaded_at": AT,
        "rows_loaded": {"observation": 20_001},
        "rows_quarantined": {"observation": {"dated_in_future": 3}},
        "manifest": MANIFEST,
        **values,
    }


def fill(store: Engine) -> str:
    with store.begin() as connection:
        connection.execute(insert(parcel), [a_row("Y99001"), a_row("Y99002")])
        connection.execute(insert(parcel), [a_row("Y99003", state="held", loaded_at=None)])
        connection.execute(insert(refusal).values(folder_name="x", error="ParcelRefused", message="Not ours."))
        audit.append(connection, actor="gp-central", event={"loaded": "Y99001"})
        return audit.append(connection, actor="gp-central", event={"loaded": "Y99002"})


def test_what_is_in_the_ledger_is_read_in_order(store: Engine) -> None:
    head = fill(store)
    ledger = read_ledger(store)
    assert [(run.practice_code, run.state) for run in ledger.parcels] == [
        ("Y99001", "loaded"),
        ("Y99002", "loaded"),
        ("Y99003", "held"),
    ]
    assert ledger.parcels[0].rows_loaded == {"observation": 20_001}
    assert ledger.audit_head is not None
    assert (ledger.audit_head.seq, ledger.audit_head.hash) == (2, head)
    assert ledger.parcels_refused_unread == 1


def test_the_register_is_built_from_the_store_and_again_without_a_change(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    head = fill(store)
    settings = Settings({"GP_STORE_URL": store_url})
    first = build(tmp_path, settings)
    assert (first["state"], first["parcels"], first["audit_head"]) == ("published", 3, head)
    assert head in (tmp_path / "index.html").read_text()
    assert build(tmp_path, settings)["state"] == "already"
    with store.begin() as connection:
        connection.execute(insert(parcel), [a_row("Y99004")])
    assert build(tmp_path, settings)["state"] == "published"


def test_an_empty_store_gives_an_empty_ledger(store: Engine) -> None:
    ledger = read_ledger(store)
    assert (ledger.parcels, ledger.audit_head, ledger.parcels_refused_unread) == ((), None, 0)


def test_a_store_that_is_down_can_be_tried_again_and_leaves_the_old_register(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("yesterday's")
    url = f"postgresql+psycopg:///store?host={tmp_path}"
    with pytest.raises(StoreDown):
        read_ledger(open_store(url))
    with pytest.raises(StoreDown):
        build(tmp_path, Settings({"GP_STORE_URL": url}))
    assert (tmp_path / "index.html").read_text() == "yesterday's"
