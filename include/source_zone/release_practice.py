"""The story of one practice's release, read top to bottom: pull, decide who may leave, pseudonymise and seal, shred.

Each step is also an Airflow task of its own; between them nothing is kept but the encrypted spool.
"""

from typing import Any

from source_zone import opt_outs, spool
from source_zone.identified import schema
from source_zone.lineage import with_lineage
from source_zone.memory import Memory
from source_zone.objections import CONSENTS
from source_zone.pull import NothingToTake, pull, table_in_spool
from source_zone.recover import finish_what_was_begun
from source_zone.release import Release
from source_zone.roster import decide, held_by_reason, taken_on
from source_zone.seal_extracts import seal_extracts

Counts = dict[str, Any]


def release_practice(release: Release) -> Counts:
    """All steps, one after another, in this process. Returns counts and parcel ids; "already" where nothing waits."""
    try:
        pull_practice(release)
        decide_practice(release)
        return seal_practice(release)
    except NothingToTake:
        return release.outcomes().already(release.practice.practice_code)
    finally:
        shred_practice(release)


@with_lineage("pull")
def pull_practice(release: Release) -> Counts:
    """Raises NothingToTake where every delivery has been taken; PersonMustAct for a delivery that cannot be trusted."""
    with release.memory_file().lock():
        return _pull(release)


def _pull(release: Release) -> Counts:
    memory = finish_what_was_begun(release)
    let_go_of_taken(release, memory)
    release.transport.fetch(memory.taken_until_instant(), release.progress)
    extracts = release.waiting(memory)
    if not extracts:
        raise NothingToTake(f"{release.practice.practice_code}: every delivery has been taken already.")
    run_spool = spool.open_new(release.settings.spool, release.practice.practice_code, release.run_id)
    codes = release.rules.consent_codes
    rows = pull(release.adapter(memory), extracts, run_spool, memory, codes, release.progress)
    run_spool.write_note("policy", dict(release.policy.sha256))
    return {
        "practice_code": release.practice.practice_code,
        "extracts": [each.extract_id for each in extracts],
        "rows": rows,
    }


@with_lineage("apply_opt_outs")
def decide_practice(release: Release) -> Counts:
    """Who may leave, after everything pulled. The roster goes into the spool; only counts come out."""
    run_spool = release.spool()
    extract_ids = run_spool.read_note("extracts")["ids"]
    memory = release.memory_file().read()
    patients = memory.tables.get("patients", schema("patient").empty_table())
    for each in extract_ids:
        patients = opt_outs.known_patients(patients, run_spool.read_table(table_in_spool(each, "patient")))
    remembered = memory.tables.get("consents", CONSENTS.empty_table())
    consents = opt_outs.latest_entries(remembered, run_spool.read_table("consents"))
    roster = decide(release.rules, patients, consents, as_of=taken_on(run_spool, extract_ids[-1]))
    for name, table in (("patients", patients), ("consents-now", consents), ("roster", roster)):
        run_spool.write_table(name, table)
    held = held_by_reason(roster)
    release.progress(
        f"apply opt-outs: {roster.num_rows - sum(held.values()):,} of {roster.num_rows:,} patients may leave"
    )
    return {
        "practice_code": release.practice.practice_code,
        "may_leave": roster.num_rows - sum(held.values()),
        "held_back": held,
    }


@with_lineage("pseudonymise")
def seal_practice(release: Release) -> Counts:
    """Pseudonymises and seals every extract pulled, then moves the practice's memory on. Safe to repeat at any point."""
    with release.memory_file().lock():
        said = seal_extracts(release)
        let_go_of_taken(release, release.memory_file().read())
        return said


def let_go_of_taken(release: Release, memory: Memory) -> None:
    """Deliveries whose parcels have left need not be kept. A run killed before this does it the next time."""
    if release.transport.is_remote and release.has_deliveries():
        found = release.adapter(memory).find_extracts(release.folder)
        taken = [each for each in found if each.extract_id in memory.taken_extracts]
        release.transport.let_go(path for each in taken for path in each.files)


@with_lineage("shred")
def shred_practice(release: Release) -> Counts:
    """Destroys this run's key and files, whatever happened before."""
    folder = spool.spool_folder(release.settings.spool, release.practice.practice_code, release.run_id)
    found = folder.exists()
    spool.shred(folder)
    return {"practice_code": release.practice.practice_code, "state": "shredded" if found else "already"}
