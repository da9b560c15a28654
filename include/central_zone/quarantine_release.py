"""Release rows from quarantine: the sealed parcel is opened again, and those rows alone are loaded, in one transaction, once.

Of a row only the token was kept. Every row of the parcel is judged again, by today's rules, in case they are stricter. What is
released belongs to the parcel that brought it, and ranks as if it had been loaded then.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, insert

from central_zone import ledger, quarantine_choice, staged
from central_zone.erasures import gate
from central_zone.erasures.agree import check_erasures_agree
from central_zone.erasures.marks import tokens_of, uuids
from central_zone.errors import NotReleasable
from central_zone.judge import verdict_on
from central_zone.ledger import Entry
from central_zone.load import load_records
from central_zone.quarantine_choice import Choice, Decided
from central_zone.rotation.practice_keys import key_of
from central_zone.stage import tables_of
from central_zone.store.connection import transaction
from central_zone.store.lineage_tables import outbox
from central_zone.store.quality_tables import RELEASED, quarantined_row, released_row
from central_zone.who_signed import check_still_known
from central_zone.zone import Zone
from crossing.canonical import BRIDGE, schema
from crossing.lineage import counts_facet, input_dataset, output_dataset, run_event

Broken = Mapping[str, "np.ndarray[Any, Any]"]  # rule -> row positions


def release(zone: Zone, choice: Choice) -> Decided:
    """Loads the rows that a steward chose, which policy lets go: see quarantine_decide. Who was erased since stays out.

    The same word twice changes nothing. Raises NotReleasable, NothingInQuarantine, ParcelRefused, ParcelUnreadable or StoreDown;
    nothing is then loaded.
    """
    with transaction(zone.store, "release rows") as connection:
        return _released(zone, connection, choice)


def _released(zone: Zone, connection: Connection, choice: Choice) -> Decided:
    entry = quarantine_choice.locked(connection, choice.parcel_id)
    waiting = quarantine_choice.undecided(connection, entry, choice.table_name)
    named = quarantine_choice.named(waiting, choice)
    chosen = quarantine_choice.only_these(waiting, choice)
    if not chosen:
        return quarantine_choice.said_before(connection, entry, choice, RELEASED)
    _check_it_can_be_opened(zone, connection, entry)
    check_erasures_agree(connection, zone.settings)  # and from here on nobody is erased until this has ended
    rows = _rows_of(zone, connection, entry, choice, chosen)
    if not rows.num_rows:
        raise NotReleasable(
            f"{entry.practice_code}, parcel {entry.sequence}: by today's rules none of the {len(chosen)} rows of "
            f"{choice.table_name} may come in. Nothing changed. They may be discarded."
        )
    _load(zone, connection, entry, choice, rows)
    quarantine_choice.write(connection, entry, choice, RELEASED, rows.num_rows)
    return quarantine_choice.decided(entry, RELEASED, rows.num_rows, left=len(named) - rows.num_rows)


def _check_it_can_be_opened(zone: Zone, connection: Connection, entry: Entry) -> None:
    where = f"{entry.practice_code}, parcel {entry.sequence}"
    if entry.state != ledger.LOADED or entry.extract_kind == BRIDGE:
        raise NotReleasable(f"{where} is {entry.state} and brought no record, so none of its rows joins any.")
    if not zone.folder(entry.parcel_id).exists():
        raise NotReleasable(f"{where} is in the inbox no more: only tokens are left of it. Ask for a new extract.")
    manifest = ledger.manifest_of(connection, entry.parcel_id)
    check_still_known(manifest, zone.settings.keys_folder, now=zone.now())
    if key_of(connection, entry.collection, entry.practice_code) != manifest["token_key"]:
        raise NotReleasable(
            f"{where} is under {manifest['token_key']}, and the practice has gone over to another key since. Tokens of two "
            "keys are never joined: ask for a new extract."
        )


def _rows_of(zone: Zone, connection: Connection, entry: Entry, choice: Choice, chosen: list[UUID]) -> pa.Table:
    """Those that are in the parcel once, break none but the chosen rules today, and whose patient was not erased."""
    try:
        tables = tables_of(zone, entry)
        rows = tables.get(choice.table_name, schema(choice.table_name).empty_table())
        failed = verdict_on(zone, entry, tables).failed_rows.get(choice.table_name, {})
        rows = _sound_once(rows, chosen, failed, choice)
    finally:
        staged.discard(zone.settings.work_folder, entry.parcel_id)
    ruled = gate.ruling_on(connection, zone, gate.whose(entry), {choice.table_name: rows})
    gate.hold_found(connection, ruled)
    may = gate.may_come_in(rows, ruled.kept_out)
    return rows if may is None else rows.filter(may)


def _sound_once(rows: pa.Table, chosen: list[UUID], failed: Broken, choice: Choice) -> pa.Table:
    spoilt = np.zeros(rows.num_rows, dtype=bool)
    for rule, positions in failed.items():
        spoilt[positions] |= rule not in choice.rule_ids
    tokens = rows["record_token"]
    mine = pc.is_in(tokens, value_set=tokens_of(chosen))
    often = tokens.filter(mine).value_counts()
    once = often.field("values").filter(pc.equal(often.field("counts"), 1))
    return rows.filter(pc.and_(pc.is_in(tokens, value_set=once), pa.array(~spoilt)))


def _load(zone: Zone, connection: Connection, entry: Entry, choice: Choice, rows: pa.Table) -> None:
    # It may replace an earlier parcel's word on its record: it is not known here whether there is one.
    load_records(
        connection,
        choice.table_name,
        [rows],
        practice_code=entry.practice_code,
        parcel_number=entry.parcel_number,
        may_replace=True,
    )
    tokens = uuids(rows["record_token"])
    gone = quarantine_choice.rows_in_quarantine(entry, choice.table_name, tokens)
    connection.execute(delete(quarantined_row).where(*gone))
    _note_when(connection, entry, choice, rows)
    manifest = ledger.manifest_of(connection, entry.parcel_id)
    event = run_event(
        job=f"release_from_quarantine.{entry.collection}",
        run_id=str(uuid4()),
        at=zone.now(),
        inputs=[input_dataset(f"parcel/{entry.practice_code}/{entry.sequence}", version=entry.manifest_sha256)],
        outputs=[output_dataset(f"records.{choice.table_name}", rows=rows.num_rows)],
        facets=counts_facet(
            counts={"loaded": {choice.table_name: rows.num_rows}},
            policy_sha256=dict(zone.policy.sha256),
            key_version=manifest["token_key"],
            software=manifest["software"],
        ),
    )
    connection.execute(insert(outbox).values(event=event))


def _note_when(connection: Connection, entry: Entry, choice: Choice, rows: pa.Table) -> None:
    """Their parcel was known before them."""
    same = {"parcel_number": entry.parcel_number, "table_name": choice.table_name, "practice_code": entry.practice_code}
    of_patients = "registration_token" in rows.column_names
    tokens = rows.select(["record_token", *(["registration_token"] if of_patients else [])])
    lines = [
        {**same, **{name: UUID(bytes=token) if token else None for name, token in row.items()}}
        for row in tokens.to_pylist()
    ]
    connection.execute(insert(released_row), lines)
