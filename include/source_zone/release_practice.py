"""The story of one practice's release, read top to bottom: pull, decide who may leave, pseudonymise and seal, shred.

Each step is also an Airflow task of its own; between them nothing is kept but the encrypted spool.
"""

from typing import Any

import pyarrow as pa

from crossing.faultpoint import faultpoint
from source_zone import opt_outs, spool
from source_zone.bridge import moved_to_newest_key
from source_zone.check_opt_outs import check_opt_outs
from source_zone.check_volume import check_volume
from source_zone.identified import schema
from source_zone.lineage import with_lineage
from source_zone.memory import Memory
from source_zone.objections import CONSENTS
from source_zone.people_sent import held
from source_zone.pull import NothingToTake, pull, table_in_spool
from source_zone.recover import finish_what_was_begun
from source_zone.release import Release
from source_zone.roster import held_by_reason, rosters, taken_at, taken_on
from source_zone.seal_extracts import seal_extracts
from source_zone.versions import in_order, stated, without_repeats

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
    faultpoint("pull.begun")
    memory = moved_to_newest_key(release, finish_what_was_begun(release))
    release = release.under(memory)
    let_go_of_taken(release, memory)
    release.transport.fetch(memory.taken_until_instant(), release.progress)
    faultpoint("pull.fetched")
    extracts = release.waiting(memory)
    if not extracts:
        if release.window is None:  # whatever lies there is of a run that was killed after its parcels had left
            spool.shred_all(release.settings.spool, release.practice.practice_code)
        raise NothingToTake(f"{release.practice.practice_code}: every delivery has been taken already.")
    run_spool = spool.open_new(release.settings.spool, release.practice.practice_code, release.run_id)
    faultpoint("pull.spool_made")
    codes = release.rules.consents
    rows = pull(release.adapter(memory), extracts, run_spool, memory, codes, release.progress)
    extract_ids = [each.extract_id for each in extracts]
    check_volume(release, run_spool, memory, extract_ids)
    run_spool.write_note("token_key", {"version": release.keys.token_key_version})
    run_spool.write_note("policy", dict(release.policy.sha256))
    faultpoint("pull.noted")
    about = {"practice_code": release.practice.practice_code, "token_key": release.keys.token_key_name}
    return {**about, "extracts": extract_ids, "rows": rows}


@with_lineage("apply_opt_outs")
def decide_practice(release: Release) -> Counts:
    """Who may leave, after everything pulled. The roster goes into the spool; only counts come out.

    Raises PersonMustAct where the practice's opt-outs as a whole cannot be relied on (`check_opt_outs`).
    """
    run_spool = release.spool()
    extract_ids = run_spool.read_note("extracts")["ids"]
    memory = release.memory_file().read()
    patients, consents = _facts_so_far(run_spool, memory, extract_ids)
    check_opt_outs(release, run_spool, memory, patients, consents)
    faultpoint("opt_outs.checked")
    run_spool.write_table("patients", patients)
    run_spool.write_table("consents-now", consents)
    as_of = taken_on(run_spool, extract_ids[-1])
    decided = rosters(release.rules, run_spool, patients, consents, as_of=as_of, held=held(memory))
    for each, roster in decided.items():
        run_spool.write_table(f"roster-{each}", roster)
    faultpoint("opt_outs.rosters_written")
    roster = decided[extract_ids[-1]]
    stay = held_by_reason(roster)
    release.progress(
        f"apply opt-outs: {roster.num_rows - sum(stay.values()):,} of {roster.num_rows:,} patients may leave"
    )
    return {
        "practice_code": release.practice.practice_code,
        "may_leave": roster.num_rows - sum(stay.values()),
        "held_back": stay,
    }


def _facts_so_far(run_spool: spool.Spool, memory: Memory, extract_ids: list[str]) -> tuple[pa.Table, pa.Table]:
    """Patients and objections, of all extracts up to now, each with the instant it was stated."""
    remembered = memory.tables.get("patients", schema("patient").empty_table())
    pulled = [
        stated(opt_outs.facts(run_spool.read_table(table_in_spool(each, "patient"))), taken_at(run_spool, each))
        for each in extract_ids
    ]
    objections = in_order(memory.tables.get("consents", CONSENTS.empty_table()), run_spool.read_table("consents"))
    patients = without_repeats(in_order(remembered, *pulled), ["registration_id"])
    return patients, without_repeats(objections, ["record_id", "registration_id"])


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
