"""Judge received parcels: which rows stay out, and whether a steward must decide before the rest is loaded."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, func

from central_zone import ledger, quarantine, staged
from central_zone.errors import FolderUnusable
from central_zone.expectations.rules import Severity, read_rule_book
from central_zone.folders import usable
from central_zone.history import PROFILE, earlier_nights, to_keep
from central_zone.ledger import Entry
from central_zone.quality.keep_results import keep_results, keep_rule_book, rows_asked
from central_zone.quality.shares import share_in_words
from central_zone.stage import Tables, tables_of
from central_zone.staged import KeptVerdict
from central_zone.store.connection import transaction
from central_zone.validate import Unvalidated, Verdict, validate_shard
from central_zone.zone import Zone
from crossing.canonical import BRIDGE
from crossing.errors import GPCollectError, SoftwareFault, as_ours, without_panics
from crossing.faultpoint import faultpoint
from crossing.manifest_fields import SNAPSHOT

# A suite has a fixed cost, so small parcels share one; above this the memory they need together would show.
_ROWS_TOGETHER = 500_000
# The source looks for identifiers first. One that comes through all the same is an incident, not a row of poor quality.
_AN_IDENTIFIER = "identifier_in_code"
# How each rule fared: a list of table, rule, severity, failed, seen. Too long for the ledger, which has what was found.
RULES = "rules"
Parcel = tuple[Entry, Tables]


def judge(zone: Zone, entries: Sequence[Entry]) -> None:
    """Validates received parcels and writes into the ledger whether each may load or is held.

    Raises PersonMustAct where a rule cannot be read or carried out: no check, no load.
    """
    for bridge in (entry for entry in entries if entry.extract_kind == BRIDGE):
        _note_bridge(zone, bridge)
    book = read_rule_book(zone.policy)
    for parcels in _some_together(zone, [entry for entry in entries if entry.extract_kind != BRIDGE]):
        started = time.monotonic()
        _judge_together(zone, parcels)
        seconds = (time.monotonic() - started) / len(parcels)
        with transaction(zone.store, "note the rules") as connection:
            keep_rule_book(connection, book)
        for entry, _ in parcels:
            _note(zone, entry, seconds)


def judge_or_say_why_not(zone: Zone, entries: Sequence[Entry]) -> dict[str, GPCollectError]:
    """The same for a shard. What nobody foresaw stops only the parcel that has it, which is answered by its id.

    Together first, since a suite has a fixed cost; then each by itself, where that failed.
    """
    try:
        _judge_telling_nothing(zone, entries)
        return {}
    except SoftwareFault as fault:
        if len(entries) == 1:
            return {entries[0].parcel_id: fault}
    alone = (judge_or_say_why_not(zone, [entry]) for entry in entries)
    return {parcel_id: fault for each in alone for parcel_id, fault in each.items()}


def _judge_telling_nothing(zone: Zone, entries: Sequence[Entry]) -> None:
    try:
        with without_panics():
            judge(zone, entries)
    except Exception as foreign:  # its text may quote values
        raise as_ours(foreign) from None


def _note_bridge(zone: Zone, entry: Entry) -> None:
    """It brings no record, so there is nothing to judge; whether it fits the store is found when it is loaded."""
    if entry.state == ledger.RECEIVED:
        with transaction(zone.store, "validate") as connection:
            ledger.mark(connection, entry.parcel_id, state=ledger.VALIDATED, validated_at=func.now())


def verdict_on(zone: Zone, entry: Entry, tables: Tables) -> KeptVerdict:
    """The verdict that was kept when the parcel was judged; where it is gone, the parcel is judged again."""
    kept = staged.kept_verdict(zone.settings.work_folder, entry.parcel_id)
    if kept is None:
        _judge_together(zone, [(entry, tables)])
        kept = staged.kept_verdict(zone.settings.work_folder, entry.parcel_id)
    if kept is None:
        raise FolderUnusable("GP_CENTRAL_WORK_DIR: a verdict could not be read back. Check its disk.")
    return kept


def _some_together(zone: Zone, entries: Sequence[Entry]) -> Iterator[list[Parcel]]:
    together: list[Parcel] = []
    rows = 0
    for entry in entries:
        tables = tables_of(zone, entry)
        together.append((entry, tables))
        rows += sum(table.num_rows for table in tables.values())
        if rows > _ROWS_TOGETHER:
            yield together
            together, rows = [], 0
    if together:
        yield together


def _judge_together(zone: Zone, parcels: Sequence[Parcel]) -> None:
    work = zone.settings.work_folder
    new = [(entry, tables) for entry, tables in parcels if staged.kept_verdict(work, entry.parcel_id) is None]
    if not new:
        return
    with transaction(zone.store, "look up what practices have sent before") as connection:
        unvalidated = [_beside_history(connection, entry, tables) for entry, tables in new]
    for (entry, tables), verdict in zip(new, validate_shard(unvalidated, policy=zone.policy), strict=True):
        faultpoint("validate.judged")
        kept = _to_keep(zone, entry, tables, verdict)
        with usable("GP_CENTRAL_WORK_DIR"):
            staged.keep_verdict(work, entry.parcel_id, kept)


def _beside_history(connection: Connection, entry: Entry, tables: Tables) -> Unvalidated:
    whole = entry.sequence == 1 or entry.extract_kind == SNAPSHOT
    earlier = earlier_nights(connection, entry)
    return Unvalidated(tables, entry.extract_taken_at.date(), earlier, is_whole_record=whole)


def _to_keep(zone: Zone, entry: Entry, tables: Tables, verdict: Verdict) -> KeptVerdict:
    most = zone.policy.collection(entry.collection).largest_quarantined_share
    share = quarantine.share_failed(tables, verdict.failed_rows)
    held = list(verdict.held_because)
    by = [result.rule for result in verdict.rules if result.failed and result.severity == Severity.HOLD_PARCEL]
    if share > most:
        by.append("largest_quarantined_share")
        held.append(
            f"{share_in_words(share)} of the rows broke a rule; largest_quarantined_share in "
            f"policy/collections/{entry.collection}.toml allows {share_in_words(most)}."
        )
    identifiers = sum(len(rules.get(_AN_IDENTIFIER, ())) for rules in verdict.failed_rows.values())
    if identifiers:
        by.append(_AN_IDENTIFIER)
        held.append(
            f"{identifiers} rows hold an NHS number where a code belongs: an incident at the source. Do not approve it; tell "
            "the source and the information governance lead, and have what it sealed destroyed."
        )
    facts = {
        "expectations_run": verdict.expectations_run,
        "suite_sha256": verdict.suite_sha256,
        "warnings": verdict.warnings,
        "held_because": held,
        PROFILE: to_keep(verdict.profile),
        "held_by": by,
        RULES: [asdict(result) for result in verdict.rules],
    }
    return KeptVerdict(failed_rows=verdict.failed_rows, held_because=tuple(held), facts=facts)


def _note(zone: Zone, entry: Entry, seconds: float) -> None:
    verdict = verdict_on(zone, entry, {})
    if entry.state == ledger.APPROVED:
        state, reason = ledger.APPROVED, entry.state_reason
    elif verdict.held_because:
        state, reason = ledger.HELD, " ".join(verdict.held_because)
    else:
        state, reason = ledger.VALIDATED, None
    with transaction(zone.store, "validate") as connection:
        ledger.mark(
            connection,
            entry.parcel_id,
            step="validate",
            seconds=seconds,
            state=state,
            state_reason=reason,
            validated_at=func.now(),
            validation=_for_the_ledger(verdict),
            rows_quarantined=quarantine.counts(verdict.failed_rows),
        )
        keep_results(connection, entry.parcel_number, verdict.facts.get(RULES, ()))
    faultpoint("validate.noted")


def _for_the_ledger(verdict: KeptVerdict) -> dict[str, Any]:
    """How each rule fared has a table of its own; of how many rows each was asked is needed where none was broken, too."""
    facts = {name: fact for name, fact in verdict.facts.items() if name != RULES}
    return {**facts, **rows_asked(verdict.facts.get(RULES, ()))}
