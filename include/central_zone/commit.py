"""Commit a parcel: its rows, its ledger row, its audit entry and its lineage in one transaction. All of it, or nothing."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection, func, insert

from central_zone import audit, ledger, quarantine, staged
from central_zone.compare import compare_with_store
from central_zone.erasures import gate
from central_zone.erasures.agree import check_erasures_agree
from central_zone.erasures.strip import strip_late
from central_zone.errors import StoreDown, WaitsForEarlier
from central_zone.events_of_load import audit_event, lineage_event
from central_zone.first_words import first_words_may_replace
from central_zone.judge import verdict_on
from central_zone.ledger import Entry
from central_zone.load import ROWS_IN_MEMORY, ROWS_SENT_AT_ONCE, comes_twice, copy_rows, load_records
from central_zone.places import Place, check_turn
from central_zone.reidentification.escrow import ESCROW, load_escrow, of_these
from central_zone.rotation import practice_keys
from central_zone.rotation.apply_bridge import apply_bridge
from central_zone.rotation.open_pairs import with_present_persons
from central_zone.settle import settle
from central_zone.stage import Tables, tables_of
from central_zone.staged import KeptVerdict
from central_zone.store.connection import transaction
from central_zone.store.lineage_tables import outbox
from central_zone.store.role_names import ERASER
from central_zone.who_signed import check_still_known
from central_zone.zone import Zone
from crossing.canonical import BRIDGE
from crossing.faultpoint import faultpoint
from crossing.manifest_fields import RECON, SNAPSHOT

_MAY_LOAD = (ledger.VALIDATED, ledger.APPROVED)
_LOADED_NOW: dict[str, Any] = {"state": ledger.LOADED, "loaded_at": func.now()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """A parcel as it goes into the store."""

    entry: Entry
    tables: Tables
    verdict: KeptVerdict
    manifest: dict[str, Any]
    started: float


def commit(zone: Zone, parcel_id: str) -> Entry:
    """Loads one validated or approved parcel, then gives its receipt. One that is loaded only gets its receipt again.

    Who was erased before it came leaves the sealed parcel too, before the receipt: a run killed here does it the next time.
    A recon extract is not loaded but held against the store; a snapshot is both. What differs is in the ledger.

    Raises WaitsForEarlier, StoreDown or StoreRefused; nothing of the parcel is then in the store.
    """
    with transaction(zone.store, "load") as connection:
        entry = ledger.entry(connection, parcel_id)
    if entry.state in _MAY_LOAD:
        entry = _loaded(zone, entry)
        faultpoint("load.committed")
    if entry.state in ledger.TAKEN_IN:
        if entry.rows_erased:
            strip_late(zone, entry)
        settle(zone, entry)
    return entry


def _loaded(zone: Zone, entry: Entry) -> Entry:
    """Where the line broke during COMMIT, only the ledger knows whether it happened: it is asked on a new connection."""
    try:
        return _load_bridge(zone, entry) if entry.extract_kind == BRIDGE else _load(zone, entry)
    except StoreDown:
        with transaction(zone.store, "ask whether it was loaded") as connection:
            ledger.lock_practice(connection, *_whose(entry))  # the broken line's transaction may still be at its COMMIT
            now = ledger.entry(connection, entry.parcel_id)
        if now.state not in ledger.TAKEN_IN:
            raise
        return now


def _load_bridge(zone: Zone, entry: Entry) -> Entry:
    """It changes rows that are there, which a loader may not."""
    with zone.under(ERASER) as of_eraser:
        return _load(of_eraser, entry)


def _load(zone: Zone, entry: Entry) -> Entry:
    started = time.monotonic()
    try:
        with transaction(zone.store, f"{entry.practice_code}, parcel {entry.sequence}") as connection:
            ledger.lock_practice(connection, entry.collection, entry.practice_code)
            faultpoint("load.locked")
            locked = ledger.entry(connection, entry.parcel_id)
            if locked.state not in _MAY_LOAD:
                return locked
            manifest = ledger.manifest_of(connection, entry.parcel_id)
            check_still_known(manifest, zone.settings.keys_folder, now=zone.now())
            check_turn(connection, _place(locked, manifest), earlier_may_be_under_way=False)
            if locked.extract_kind == BRIDGE:
                apply_bridge(zone, connection, locked)
                return ledger.entry(connection, entry.parcel_id)
            check_erasures_agree(connection, zone.settings)  # and from here on nobody is erased until this has ended
            practice_keys.check_key(connection, *_whose(locked), manifest["token_key"], locked.sequence)
            tables = with_present_persons(connection, locked.collection, tables_of(zone, locked))
            verdict = verdict_on(zone, locked, tables)
            ready = _Ready(entry=locked, tables=tables, verdict=verdict, manifest=manifest, started=started)
            faultpoint("load.ready")
            _write(zone, connection, ready)
            return ledger.entry(connection, entry.parcel_id)
    except WaitsForEarlier as wait:
        with transaction(zone.store, "load") as connection:
            ledger.mark(connection, entry.parcel_id, state=ledger.WAITING, state_reason=str(wait))
        raise


def _whose(entry: Entry) -> tuple[str, str]:
    return entry.collection, entry.practice_code


def _place(entry: Entry, manifest: dict[str, Any]) -> Place:
    return Place(
        parcel_id=entry.parcel_id,
        collection=entry.collection,
        practice_code=entry.practice_code,
        sequence=entry.sequence,
        previous_manifest_sha256=manifest["previous_manifest_sha256"],
    )


def _write(zone: Zone, connection: Connection, staged_rows: _Ready) -> None:
    ready, erased = _without_erased(zone, connection, staged_rows)
    number, failed = ready.entry.parcel_number, ready.verdict.failed_rows
    only_compared = ready.entry.extract_kind == RECON
    # A practice's first snapshot is as large as all of it, and there is nothing yet to compare it with.
    if only_compared or (ready.entry.extract_kind == SNAPSHOT and ledger.has_loaded_before(connection, ready.entry)):
        _compare(connection, ready)
    loaded = {} if only_compared else _load_rows(connection, ready)
    faultpoint("load.after_copy")
    kept_out = quarantine.rows_to_keep_out(ready.tables, failed, number, ready.entry.practice_code)
    copy_rows(connection, ("quarantine", "row"), kept_out.to_batches(max_chunksize=ROWS_SENT_AT_ONCE))
    faultpoint("load.after_quarantine")
    if not only_compared:
        _load_escrow(zone, connection, ready)
    faultpoint("load.after_escrow")
    connection.execute(
        insert(outbox).values(event=lineage_event(zone, ready.entry, ready.manifest, ready.verdict, loaded))
    )
    faultpoint("load.after_lineage")
    # Last, because other loaders queue for the chain from here to the end of the transaction.
    head = audit.append(connection, actor=audit.LOADER, event=audit_event(ready.entry, loaded, erased))
    faultpoint("load.after_audit")
    ledger.mark(
        connection,
        ready.entry.parcel_id,
        step="load",
        seconds=time.monotonic() - ready.started,
        state_reason=None,
        **({"state": ledger.COMPARED, "decided_at": func.now()} if only_compared else _LOADED_NOW),
        rows_loaded=loaded,
        rows_quarantined=quarantine.counts(failed),
        rows_erased=erased,
        audit_hash=head,
    )
    faultpoint("load.before_commit")


def _without_erased(zone: Zone, connection: Connection, ready: _Ready) -> tuple[_Ready, dict[str, int]]:
    """The parcel without people who were erased, and how many of its rows that is in all, by table.

    Who was erased before it was staged is not in it already; who was erased since is found here.
    """
    parcel = gate.whose(ready.entry)
    ruled = gate.ruling_on(connection, zone, parcel, ready.tables)
    gate.hold_found(connection, ruled)
    if ready.entry.extract_kind != RECON:  # what is only compared brings nobody back
        gate.end_words(connection, parcel, ruled)
    erased = Counter(staged.taken_out(zone.settings.work_folder, ready.entry.parcel_id))
    may = {table: gate.may_come_in(rows, ruled.kept_out) for table, rows in ready.tables.items()}
    kept = {table: rows.to_numpy() for table, rows in may.items() if rows is not None}
    if not kept:
        return ready, dict(erased)
    tables = {table: rows.filter(may[table]) if table in kept else rows for table, rows in ready.tables.items()}
    erased.update({table: ready.tables[table].num_rows - tables[table].num_rows for table in kept})
    failed = quarantine.among_kept(ready.verdict.failed_rows, kept)
    return replace(ready, tables=tables, verdict=replace(ready.verdict, failed_rows=failed)), dict(erased)


def _compare(connection: Connection, ready: _Ready) -> None:
    whole = {table: _sound_rows(ready, table) for table in ready.tables}
    read = {table for table, counts in ready.manifest["counts"]["tables"].items() if counts["read"]}
    compare_with_store(connection, ready.entry, whole, in_extract=read)


def _load_rows(connection: Connection, ready: _Ready) -> dict[str, int]:
    faultpoint("load.before_copy")
    entry, is_first = ready.entry, not ledger.has_loaded_before(connection, ready.entry)
    if ledger.has_loaded_later(connection, entry):
        first_words_may_replace(connection, entry)
    return {
        table: load_records(
            connection,
            table,
            _sound_rows(ready, table),
            practice_code=entry.practice_code,
            parcel_number=entry.parcel_number,
            may_replace=not is_first or comes_twice(rows),
        )
        for table, rows in ready.tables.items()
    }


def _load_escrow(zone: Zone, connection: Connection, ready: _Ready) -> None:
    """Of the patients who were loaded, and of nobody else."""
    rows = staged.sealed_table(zone.settings.work_folder, ready.entry.parcel_id, ESCROW)
    if rows is not None:
        loaded = (patients["registration_token"] for patients in _sound_rows(ready, "patient"))
        load_escrow(connection, ready.entry, of_these(rows, loaded))


def _sound_rows(ready: _Ready, table: str) -> Iterator[pa.Table]:
    failed = quarantine.failed_rows(ready.verdict.failed_rows, table)
    return quarantine.without_failed(ready.tables[table], failed, at_a_time=ROWS_IN_MEMORY)
