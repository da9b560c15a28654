"""From the spool to parcels: minimise and pseudonymise each extract into drafts, look at opt-outs once more, seal.

The practice's memory moves on last. Killed before that, the next run finds the parcels that are out already and
makes the others; a parcel's id depends only on the extract and its place in the sequence.
"""

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa

from crossing.accounting import Counts, check_counts_close
from crossing.canonical import TABLES, schema_sha256
from crossing.errors import TryAgain
from crossing.identifiers import canonical_nhs_number
from crossing.manifest import HPKE_SUITE, MANIFEST_VERSION, Manifest, read_manifest
from crossing.parcel import parcel_id, read_manifest_bytes
from source_zone import SOFTWARE
from source_zone.generalise import generalise
from source_zone.identified import ReadTally
from source_zone.keys import RECIPIENT_KEY, SIGNING_KEY
from source_zone.memory import Memory
from source_zone.minimise import Rules, Withheld, minimise, superseded_rows
from source_zone.objections import objections_in
from source_zone.opt_outs import latest_entries
from source_zone.pseudonymise import pseudonymise
from source_zone.pull import table_in_spool
from source_zone.release import Release
from source_zone.roster import decide, held_by_reason, taken_on
from source_zone.seal import Drafts, seal
from source_zone.spool import Spool


class PolicyChanged(TryAgain):
    """A policy file changed between two steps of one run; a parcel is made under one policy or not at all."""


@dataclass(slots=True)
class _Made:
    """An extract as drafts, with what became of its rows."""

    extract_id: str
    drafts: Drafts = field(repr=False)
    counts: Counts = field(default_factory=Counts)


def seal_extracts(release: Release) -> dict[str, Any]:
    """Returns the practice's outcome: parcel ids and counts. Raises PersonMustAct, TryAgain."""
    started = time.monotonic()
    memory = release.memory_file().read()
    run_spool = release.spool()
    extract_ids = run_spool.read_note("extracts")["ids"]
    if set(extract_ids) <= set(memory.taken_extracts):
        return release.outcomes().already(release.practice.practice_code)
    _check_policy_unchanged(release, run_spool)
    roster = run_spool.read_table("roster")
    withheld = Withheld(set(_remembered_withheld(memory)))
    made = [_draft(release, run_spool, each, roster, withheld) for each in extract_ids]
    roster_now = _look_again(release, run_spool, memory)
    if not roster_now.equals(roster):
        made = [_draft(release, run_spool, each, roster_now, withheld) for each in extract_ids]
    manifests = [_seal_one(release, run_spool, memory, each, offset) for offset, each in enumerate(made, 1)]
    release.memory_file().write(_moved_on(memory, run_spool, manifests, withheld))
    outcome = _outcome(manifests, made, roster_now, time.monotonic() - started)
    return release.outcomes().record(release.practice.practice_code, outcome)


def _draft(release: Release, run_spool: Spool, extract_id: str, roster: pa.Table, withheld: Withheld) -> _Made:
    made = _Made(extract_id, Drafts(run_spool, extract_id))
    rules = Rules(
        restricted_codes=release.rules.restricted_codes,
        code_shapes=release.rules.generalisations.code_shapes,
        look_back_from=release.rules.look_back_from(taken_on(run_spool, extract_id)),
        own_nhs_numbers=_own_nhs_numbers(run_spool),
    )
    known = pl.DataFrame(pl.from_arrow(roster))
    for table in TABLES:
        _draft_table(release, run_spool, table, made, known, rules, withheld)
    note = run_spool.read_note(f"read-{extract_id}")
    made.counts.reference_rows = Counter(note["reference_rows"])
    made.counts.not_collected = Counter(note["not_collected"])
    made.counts.patients_held_back = Counter(held_by_reason(roster))
    made.counts.patients_may_leave = roster.num_rows - made.counts.patients_held_back.total()
    check_counts_close(made.counts.as_dict())
    return made


def _draft_table(
    release: Release, run_spool: Spool, table: str, made: _Made, known: pl.DataFrame, rules: Rules, withheld: Withheld
) -> None:
    name = table_in_spool(made.extract_id, table)
    total = made.counts.of(table)
    superseded = superseded_rows(pl.Series(pl.from_arrow(run_spool.read_table(name, ["record_id"]).column(0))))
    for rows in run_spool.batches(name):
        part = superseded.slice(total.read, rows.num_rows)
        kept, counts = minimise(table, rows, part, known, rules, withheld)
        total.add(counts)
        coarse = generalise(table, kept, release.rules.generalisations, made.counts.generalised)
        made.drafts.add(table, pseudonymise(table, coarse, release.practice.practice_code, release.keys))
        release.progress(f"pseudonymise {made.extract_id}: {table} {total.read:,} rows")
    made.drafts.end_of(table)


def _look_again(release: Release, run_spool: Spool, memory: Memory) -> pa.Table:
    """The opt-outs once more, as the last thing before anything can leave.

    A delivery that came since the pull is not taken in this run, but an objection in it already counts.
    """
    consents, patients = run_spool.read_table("consents-now"), run_spool.read_table("patients")
    pulled = run_spool.read_note("extracts")["ids"]
    adapter = release.adapter(memory)
    as_of = taken_on(run_spool, pulled[-1])
    for extract in adapter.find_extracts(release.folder):
        if extract.extract_id not in (*pulled, *memory.taken_extracts):
            found = objections_in(adapter.read(extract, ReadTally()), release.rules.consent_codes, consents)
            consents, as_of = latest_entries(consents, found), extract.taken_at.date()
    return decide(release.rules, patients, consents, as_of=as_of)


def _seal_one(release: Release, run_spool: Spool, memory: Memory, made: _Made, offset: int) -> Manifest:
    sequence = memory.sequence + offset
    identity = parcel_id(release.rules.collection.id, release.practice.practice_code, sequence, made.extract_id)
    already = release.settings.outbox / identity
    if already.exists():
        manifest = read_manifest(read_manifest_bytes(already)[0])
    else:
        draft = _manifest(release, run_spool, memory, made, sequence, identity)
        manifest = seal(draft, made.drafts, release.keys, release.settings.outbox)
    memory.previous_manifest_sha256 = manifest.sha256()
    return manifest


def _manifest(
    release: Release, run_spool: Spool, memory: Memory, made: _Made, sequence: int, identity: str
) -> Manifest:
    now = datetime.now(UTC).replace(microsecond=0)
    return Manifest(
        manifest_version=MANIFEST_VERSION,
        parcel_id=identity,
        collection=release.rules.collection.id,
        practice_code=release.practice.practice_code,
        supplier_format=release.practice.format,
        synthetic=release.practice.synthetic,
        sequence=sequence,
        previous_manifest_sha256=memory.previous_manifest_sha256,
        extract_id=made.extract_id,
        extract_taken_at=run_spool.read_note(f"read-{made.extract_id}")["taken_at"],
        created_at=now.isoformat(),
        not_after=(now + timedelta(days=release.rules.collection.parcel_valid_days)).isoformat(),
        schema_sha256=schema_sha256(),
        policy_sha256=dict(sorted(release.policy.sha256.items())),
        token_key=release.keys.token_key_name,
        recipient_key=RECIPIENT_KEY,
        signing_key=SIGNING_KEY,
        hpke_suite=HPKE_SUITE,
        software=SOFTWARE,
        parts=(),
        counts=made.counts.as_dict(),
    )


def _moved_on(memory: Memory, run_spool: Spool, manifests: list[Manifest], withheld: Withheld) -> Memory:
    note = run_spool.read_note("extracts")
    remembered = {name: run_spool.read_table(f"remembered-{name}") for name in note["remembered"]}
    return Memory(
        sequence=manifests[-1].sequence,
        previous_manifest_sha256=manifests[-1].sha256(),
        taken_extracts=[*memory.taken_extracts, *note["ids"]],
        tables={
            **memory.tables,
            **remembered,
            "patients": run_spool.read_table("patients"),
            "consents": run_spool.read_table("consents-now"),
            "withheld": pa.table({"record_id": pa.array(sorted(withheld.record_ids), pa.string())}),
        },
    )


def _remembered_withheld(memory: Memory) -> list[str]:
    return list(memory.tables["withheld"].column(0).to_pylist()) if "withheld" in memory.tables else []


def _own_nhs_numbers(run_spool: Spool) -> frozenset[str]:
    numbers = run_spool.read_table("patients", ["nhs_number"]).column(0).to_pylist()
    return frozenset(number for each in numbers if (number := canonical_nhs_number(each)) is not None)


def _check_policy_unchanged(release: Release, run_spool: Spool) -> None:
    if run_spool.read_note("policy") != release.policy.sha256:
        raise PolicyChanged(
            f"{release.practice.practice_code}: policy files changed since the pull. Run the practice again from `pull`."
        )


def _outcome(manifests: list[Manifest], made: list[_Made], roster: pa.Table, seconds: float) -> dict[str, Any]:
    held = Counter[str]()
    quarantined = Counter[str]()
    for table in (counts for each in made for counts in each.counts.tables.values()):
        held += table.held_back
        quarantined += table.quarantined
    tables = [counts for each in made for counts in each.counts.tables.values()]
    return {
        "state": "released",
        "parcels": [each.parcel_id for each in manifests],
        "sent_by_parcel": {each.parcel_id: sum(part.rows for part in each.parts) for each in manifests},
        "extracts": [each.extract_id for each in made],
        "sequence": manifests[-1].sequence,
        "read": sum(each.read for each in tables),
        "sent": sum(each.sent for each in tables),
        "held_back": dict(sorted(held.items())),
        "quarantined": dict(sorted(quarantined.items())),
        "patients_may_leave": made[-1].counts.patients_may_leave,
        "patients_held_back": held_by_reason(roster),
        "seconds": round(seconds, 2),
    }
