"""What the administrator of the server does to the audit chain by force is found and named. One store, mended after each."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

import psycopg
import pytest

from central_zone import load_parcel, take_notices
from central_zone.chain import checkpoints
from central_zone.chain.agree import check_audit_agrees
from central_zone.chain.give_checkpoint import give_checkpoint
from central_zone.chain.verify import ALONE, verify
from central_zone.errors import AuditBroken, CheckpointsBroken, ParcelRefused, StoreIsOlder
from central_zone.register.build_register import build
from central_zone.settings import Settings
from central_zone.store.role_names import LOADER
from central_zone.zone import opened
from support.erasures import a_notice, token
from support.parcels import Keys, a_night, seal
from support.postgres import Postgres, psycopg_url

KEPT = ("audit.entry", "ledger.parcel", "ledger.refusal", "erasure.batch", "ledger.notice")


@dataclass(frozen=True, slots=True)
class History:
    """A store with a history, and how it was before its last night."""

    root: Path
    settings: Settings
    earlier: Settings

    @property
    def inbox(self) -> Path:
        return self.settings.inbox_folder

    def by_force(self, statements: str) -> None:
        """As somebody whom PostgreSQL believes in everything: no trigger stands in the way."""
        with psycopg.connect(psycopg_url(self.settings.store_url)) as connection:
            connection.execute(f"SET session_replication_role = replica; {statements}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(psycopg_url(self.settings.store_url)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> History:
    """Two practices, three nights, a parcel refused, people erased, the register published twice."""
    root = tmp_path_factory.mktemp("history")
    keys = Keys(root / "keys").make()
    folders = {
        "GP_INBOX_DIR": "inbox",
        "GP_CENTRAL_WORK_DIR": "work",
        "GP_RECEIPTS_DIR": "receipts",
        "GP_ERASURE_JOURNAL_DIR": "journal",
        "GP_REGISTER_DIR": "register",
    }
    for name in ("inbox", "journal"):
        (root / name).mkdir()
    values = {name: str(root / folder) for name, folder in folders.items()}
    values |= {"GP_CENTRAL_KEYS_DIR": str(keys.folder), "GP_STORE_URL": postgres.a_store()}
    settings = Settings(values)
    lived = History(root, settings, settings)
    first = {each: seal(lived.inbox, keys, a_night(), practice_code=each) for each in ("A12345", "B12345")}
    for parcel in first.values():
        load_parcel.load_parcel(parcel.folder, settings)
    spoilt = seal(lived.inbox, keys, a_night(seed=8), sequence=2, previous=first["A12345"], extract_id="spoilt")
    part = spoilt.folder / "part-00000.hpke"
    part.write_bytes(part.read_bytes()[::-1])
    with pytest.raises(ParcelRefused):
        load_parcel.load_parcel(spoilt.folder, settings)
    build(settings.register_folder, settings)
    earlier = Settings({**values, "GP_STORE_URL": postgres.a_copy(settings.store_url)})
    second = seal(lived.inbox, keys, a_night(seed=4), sequence=2, previous=first["A12345"])
    load_parcel.load_parcel(second.folder, settings)
    notice = _notice(lived, keys)
    take_notices.take_notice(notice, settings)
    build(settings.register_folder, settings)
    lived.by_force("".join(f"CREATE TABLE kept_{index} AS TABLE {table};" for index, table in enumerate(KEPT)))
    return History(root, settings, earlier)


def _notice(lived: History, keys: Keys) -> Path:
    class Zone:
        def sealed(self, tables: Any, **how: Any) -> Any:
            return seal(lived.inbox, keys, tables, **how)

    return a_notice(Zone(), [(token(0, 1), token(0, 2), 2)]).folder


@pytest.fixture(autouse=True)
def mended(history: History) -> Any:
    yield
    statements = [
        f"TRUNCATE {table}; INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM kept_{index};"
        for index, table in enumerate(KEPT)
        for columns in [written_columns(history, table)]
    ]
    history.by_force("".join(statements))


def written_columns(history: History, table: str) -> str:
    """All but those that the server makes of others."""
    asked = f"SELECT attname FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0"
    return ", ".join(name for (name,) in history.rows(f"{asked} AND NOT attisdropped AND attgenerated = ''"))


def test_a_history_that_nobody_touched_holds_and_every_kind_of_witness_bears_it_out(history):
    said = verify(history.settings)
    # Two parcels, a refusal, a parcel, a batch of people and the notice of it.
    assert (said["audit"], said["entries"], said["explained"], said["restores"]) == ("holds", 6, 0, 0)
    assert said["witnesses"] == {"checkpoint": 6, "receipt": 4, "certificate": 1, "register": 1}
    assert verify(history.settings, only_new=True) == said


def recomputed(history: History, after: int, change: Callable[[dict[str, Any]], None] = lambda _: None) -> str:
    """What somebody does who knows how hashes are made: everything after an entry is written anew, and fits."""
    columns = ("seq", "at", "actor", "event", "previous_hash", "written_by", "hash")
    rows = history.rows(f"SELECT {', '.join(columns)} FROM audit.entry WHERE seq >= {after} ORDER BY seq")
    kept, *rest = _dicts(columns, rows) if after else [None, *_dicts(columns, rows)]
    before, statements = kept["hash"] if kept else "0" * 64, []
    for number, entry in enumerate(rest, after + 1):
        if number == after + 1:
            change(entry)
        covered = {name: entry[name] for name in ("actor", "event", "written_by")}
        covered |= {"seq": number, "previous_hash": before}
        covered["at"] = entry["at"].astimezone(UTC).isoformat(timespec="microseconds")
        before, old = (
            hashlib.sha256(json.dumps(covered, sort_keys=True, separators=(",", ":")).encode()).hexdigest(),
            entry["hash"],
        )
        event = json.dumps(entry["event"]).replace("'", "''")
        statements.append(
            f"UPDATE audit.entry SET previous_hash = '{covered['previous_hash']}', hash = '{before}', "
            f"event = '{event}' WHERE seq = {entry['seq']};"
            + "".join(
                f"UPDATE {table} SET audit_hash = '{before}' WHERE audit_hash = '{old}';"
                for table in ("ledger.parcel", "ledger.notice")
            )
        )
    return "".join(statements)


def _dicts(columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]


MOVED = "UPDATE audit.entry SET seq = -seq WHERE seq > {0}; UPDATE audit.entry SET seq = -seq {1} WHERE seq < 0;"
PUT_IN = (
    "INSERT INTO audit.entry (seq, at, actor, event, previous_hash, hash, written_by) "
    "SELECT 4, at, 'x', event, previous_hash, repeat('a', 64), written_by FROM audit.entry WHERE seq = 5;"
)
# What is done, the error, and what it must name.
TAMPERED = {
    "an event edited": (
        "UPDATE audit.entry SET event = '{}' WHERE seq = 4",
        AuditBroken,
        "entry 4 was changed",
    ),
    "another said to have written it": (
        "UPDATE audit.entry SET written_by = NULL WHERE seq = 4",
        AuditBroken,
        "entry 4 was changed",
    ),
    "deleted in the middle": ("DELETE FROM audit.entry WHERE seq = 3", AuditBroken, "entry 3 was removed"),
    "deleted and numbered anew": (
        "DELETE FROM audit.entry WHERE seq = 3;" + MOVED.format(3, "- 1"),
        AuditBroken,
        "entry 3 was written as entry 4: the order was changed, or entries before it were removed",
    ),
    "two exchanged": (
        "UPDATE audit.entry SET seq = CASE seq WHEN 3 THEN -4 ELSE -3 END WHERE seq IN (3, 4);"
        "UPDATE audit.entry SET seq = -seq WHERE seq < 0",
        AuditBroken,
        "entry 3 was written as entry 4: the order was changed",
    ),
    "one put in, its hash made up": (MOVED.format(3, "+ 1") + PUT_IN, AuditBroken, "entry 4 was changed"),
    "the tail cut": (
        "DELETE FROM audit.entry WHERE seq > 4",
        StoreIsOlder,
        "ends with entry 4, and .* up to entry 6: the end was cut off or written anew after entry 4",
    ),
    "everything removed": ("TRUNCATE audit.entry", StoreIsOlder, "empty: every entry was removed"),
    "a row of the ledger removed": (
        "DELETE FROM ledger.parcel WHERE sequence = 1 AND practice_code = 'B12345'",
        AuditBroken,
        "entry 2 says loaded, and ledger.parcel has no such row",
    ),
    "a parcel to be loaded once more": (
        "UPDATE ledger.parcel SET state = 'validated' WHERE sequence = 1 AND practice_code = 'B12345'",
        AuditBroken,
        "entry 2 says loaded, and ledger.parcel has no such row",
    ),
    "the ledger counts other rows": (
        "UPDATE ledger.parcel SET rows_loaded = '{\"patient\": 9}' WHERE sequence = 1 AND practice_code = 'B12345'",
        AuditBroken,
        "parcel 1 of B12345 is loaded, and its audit entry 2 does not say so",
    ),
    "a refusal removed from the ledger": ("DELETE FROM ledger.refusal", AuditBroken, "0 refusals of a folder"),
    "an erasure removed from the store": ("DELETE FROM erasure.batch", AuditBroken, "entry 5 says erased"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_was_done_by_force_is_named_with_its_entry(history, name):
    statements, error, said = TAMPERED[name]
    history.by_force(statements)
    with pytest.raises(error, match=said) as told:
        verify(history.settings)
    assert "docs/runbook.md" in str(told.value)


def test_an_entry_put_in_whose_hash_fits_is_named(history):
    history.by_force(MOVED.format(3, "+ 1") + PUT_IN)
    (entry,) = _dicts(
        ("seq", "at", "actor", "event", "written_by"),
        history.rows("SELECT seq, at, actor, event, written_by FROM audit.entry WHERE seq = 4"),
    )
    ((before,),) = history.rows("SELECT hash FROM audit.entry WHERE seq = 3")
    covered = {**entry, "previous_hash": before, "at": entry["at"].astimezone(UTC).isoformat(timespec="microseconds")}
    fits = hashlib.sha256(json.dumps(covered, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    history.by_force(f"UPDATE audit.entry SET hash = '{fits}', previous_hash = '{before}' WHERE seq = 4")
    with pytest.raises(AuditBroken, match="put in before entry 5, which was written as entry 4"):
        verify(history.settings)


@pytest.mark.parametrize(("after", "confirmed"), [(0, 0), (2, 2), (5, 4)])  # nothing was published when there were 5
def test_a_chain_that_was_written_anew_and_fits_in_itself_is_found_by_what_others_hold(history, after, confirmed):
    """The ledger's own hashes are written anew too. From inside the store nothing shows."""

    def other_time(entry):
        entry["event"] = {**entry["event"], "rows": {**entry["event"].get("rows", {})}, "practice_code": "C12345"}

    history.by_force(recomputed(history, after, other_time))
    with psycopg.connect(psycopg_url(history.settings.store_url)) as connection:
        assert connection.execute("SELECT count(*) FROM audit.entry").fetchone() == (6,)
    with pytest.raises(AuditBroken, match=f"rewritten after entry {confirmed}: it holds in itself") as told:
        verify(history.settings)
    assert f"entry {after + 1} is not the one" in str(told.value)
    # Without those witnesses nobody could tell.
    alone = Settings(
        {
            **history.settings.values,
            "GP_RECEIPTS_DIR": str(history.root / "none"),
            "GP_REGISTER_DIR": str(history.root / "none"),
        }
    )
    if after == 2:  # a refusal: the ledger names no practice of it
        assert verify(alone)["audit"] == ALONE


def test_an_older_backup_in_place_of_the_store_is_named(history):
    with pytest.raises(
        StoreIsOlder, match=r"ends with entry 3, and .* up to entry 6: .* or an old backup was restored"
    ):
        verify(history.earlier)


def test_a_register_or_receipt_that_somebody_else_kept_bears_witness_too(history, tmp_path):
    kept = tmp_path / "register.json"
    kept.write_bytes((history.settings.register_folder / "register.json").read_bytes())
    note = tmp_path / "audit-checkpoint.txt"
    note.write_bytes((history.settings.register_folder / "audit-checkpoint.txt").read_bytes())
    nothing = str(tmp_path / "none")
    alone = Settings({**history.earlier.values, "GP_RECEIPTS_DIR": nothing, "GP_REGISTER_DIR": nothing})
    assert verify(alone)["entries"] == 3
    for path in (kept, note, *history.settings.receipts_folder.glob("*.certificate.json")):
        with pytest.raises(StoreIsOlder, match="ends with entry 3"):
            verify(alone, also=[path])
        assert verify(history.settings, also=[path])["audit"] == "holds"
    assert verify(history.settings, published_head=checkpoints.last_checkpoint(history.settings.receipts_folder).head)
    with pytest.raises(StoreIsOlder, match="--published-head bears witness"):
        verify(history.settings, published_head="ab" * 32)


def test_a_journal_of_checkpoints_that_is_taken_away_is_missed_by_every_load_and_begun_anew_on_purpose_only(history):
    path = history.settings.receipts_folder / checkpoints.NAME
    whole = path.read_bytes()
    path.unlink()
    try:
        with opened(history.settings, role=LOADER) as zone:
            with pytest.raises(CheckpointsBroken, match="--begin-anew"), zone.store.connect() as connection:
                check_audit_agrees(connection, history.settings)
            with pytest.raises(CheckpointsBroken, match="--begin-anew"):
                give_checkpoint(history.settings, zone.store)
            assert not path.read_bytes()
            assert give_checkpoint(history.settings, zone.store, begin_anew=True)
            with zone.store.connect() as connection:
                check_audit_agrees(connection, history.settings)
        assert verify(history.settings)["audit"] == "holds"
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("what", ["a checkpoint", "a receipt"])
def test_a_witness_that_does_not_bear_our_signature_is_named_and_not_believed(history, what):
    receipts = history.settings.receipts_folder
    path = receipts / checkpoints.NAME if what == "a checkpoint" else sorted(receipts.glob("*.receipt.json"))[0]
    whole = path.read_bytes()
    try:
        path.write_bytes(
            whole.replace(b"\\n6\\n", b"\\n5\\n") if what == "a checkpoint" else whole.replace(b"loaded", b"refuse")
        )
        assert path.read_bytes() != whole
        with pytest.raises(CheckpointsBroken, match=path.name):
            verify(history.settings)
    finally:
        path.write_bytes(whole)
