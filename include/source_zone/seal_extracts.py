"""From drafts to parcels: look at opt-outs once more, seal, publish, and let the practice's memory move on.

For each parcel: sealed as a draft, the next memory put down beside the present one, the draft renamed into the outbox,
the memory renamed. A run killed between any two of these is settled by `recover` from what it finds.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa

from crossing.errors import TryAgain
from crossing.faultpoint import faultpoint
from crossing.manifest import Manifest, read_manifest
from crossing.parcel import parcel_id, read_manifest_bytes
from source_zone.account import manifest_without_parts, outcome
from source_zone.bridge import name_persons, persons_in
from source_zone.check_opt_outs import warnings_about
from source_zone.check_volume import volume
from source_zone.draft_extract import Drafted, draft_extract
from source_zone.identified import Extract, ReadTally
from source_zone.ids_sent import written_down
from source_zone.leave import check_place_is_free, leave
from source_zone.left_already import places_left
from source_zone.memory import Memory
from source_zone.minimise import Withheld
from source_zone.objections import objections_in
from source_zone.people_sent import after_leaving, held
from source_zone.recover import finish_what_was_begun
from source_zone.release import Release
from source_zone.roster import Rosters, rosters, taken_at, taken_on
from source_zone.seal import seal
from source_zone.spool import Spool
from source_zone.versions import added_to, in_order, stated, without_repeats

_EVER = datetime.min.replace(tzinfo=UTC)


class TokenKeyMoved(TryAgain):
    """The practice was brought to another token key between two steps of one run."""


class PolicyChanged(TryAgain):
    """A policy file changed between two steps of one run; a parcel is made under one policy or not at all."""


def seal_extracts(release: Release) -> dict[str, Any]:
    """Returns the practice's outcome: parcel ids and counts. Raises PersonMustAct, TryAgain."""
    started = time.monotonic()
    memory = finish_what_was_begun(release)
    run_spool = release.spool()
    pulled = run_spool.read_note("extracts")["ids"]
    extract_ids = [each for each in pulled if each not in memory.taken_extracts]
    if not extract_ids:
        return release.outcomes().already(release.practice.practice_code, parcels_of(release, pulled))
    _check_policy_unchanged(release, run_spool)
    faultpoint("pseudonymise.begun")
    release = _under_the_key_it_began_with(release, run_spool, memory)
    decided = {each: run_spool.read_table(f"roster-{each}") for each in run_spool.read_note("extracts")["ids"]}
    withheld = Withheld(set(_remembered_withheld(memory)))
    drafted = [draft_extract(release, run_spool, each, decided[each], withheld) for each in extract_ids]
    decided_now = _look_again(release, run_spool, memory)
    faultpoint("pseudonymise.opt_outs_read_again")
    if any(not decided_now[each].equals(decided[each]) for each in extract_ids):
        drafted = [draft_extract(release, run_spool, each, decided_now[each], withheld) for each in extract_ids]
    manifests = []
    for each in drafted:
        memory = name_persons(release, memory, partial(persons_in, each.ids))
        manifest = _sealed(release, run_spool, memory, each)
        moved_on = _moved_on(memory, run_spool, manifest, withheld)
        moved_on = replace(moved_on, token_key_version=release.keys.token_key_version)
        moved_on = written_down(release.ids_book(), moved_on, each.ids)
        memory = leave(release, after_leaving(memory, moved_on, decided_now[each.extract_id]), manifest.sequence)
        manifests.append(manifest)
    faultpoint("pseudonymise.all_left")
    said = outcome(manifests, drafted, decided_now[extract_ids[-1]], time.monotonic() - started)
    said |= {"token_key": release.keys.token_key_name}
    said |= volume(run_spool, extract_ids) | {"warnings": warnings_about(run_spool.read_table("consents-now"))}
    return release.outcomes().record(release.practice.practice_code, said)


def parcels_of(release: Release, extract_ids: list[str]) -> list[str]:
    """Ids of what left of these extracts: a task that is run again has to announce what an earlier try of it sealed."""
    collection, code = release.rules.collection.id, release.practice.practice_code
    places = places_left(release.settings.landing, collection, code)
    of_these = {parcel_id(collection, code, place, each) for place in places for each in extract_ids}
    return [parcel for _, parcel in sorted(places.items()) if parcel in of_these]


def _under_the_key_it_began_with(release: Release, run_spool: Spool, memory: Memory) -> Release:
    """The version was pinned at the pull. Raises TokenKeyMoved where the practice was brought to another since."""
    pinned = int(run_spool.read_note("token_key")["version"])
    if memory.token_key_version not in (None, pinned):
        raise TokenKeyMoved(
            f"{release.practice.practice_code}: it was brought to token key v{memory.token_key_version} since this run "
            f"began under v{pinned}. Run the practice again from `pull`."
        )
    return release.at(pinned)


def _look_again(release: Release, run_spool: Spool, memory: Memory) -> Rosters:
    """The opt-outs once more, as the last thing before anything can leave.

    A delivery that came since the pull is not taken in this run, but an objection in it already counts. Where late
    deliveries are taken, newer ones are looked at again if they still lie there: now it is known which of their entries
    amend or delete an objection.
    """
    consents, patients = run_spool.read_table("consents-now"), run_spool.read_table("patients")
    pulled = run_spool.read_note("extracts")
    adapter = release.adapter(memory, _remembered(run_spool, memory))
    as_of, first = taken_on(run_spool, pulled["ids"][-1]), taken_at(run_spool, pulled["ids"][0])
    release.transport.glance(release.progress)
    for extract in adapter.find_extracts(release.folder):
        taken = extract.extract_id in memory.taken_extracts
        if extract.extract_id in pulled["ids"] or (taken and not (pulled["late"] and extract.taken_at > first)):
            continue
        found = objections_in(adapter.read(extract, ReadTally()), release.rules.consents, consents)
        consents = in_order(consents, stated(found, extract.taken_at))
        if taken:
            run_spool.write_table("consents-now", _with(run_spool.read_table("consents-now"), found, extract))
        as_of = max(as_of, extract.taken_at.date())
    return rosters(release.rules, run_spool, patients, consents, as_of=as_of, held=held(memory))


def _with(consents: pa.Table, found: pa.Table, extract: Extract) -> pa.Table:
    return without_repeats(in_order(consents, stated(found, extract.taken_at)), ["record_id", "registration_id"])


def _sealed(release: Release, run_spool: Spool, memory: Memory, drafted: Drafted) -> Manifest:
    """A parcel that is out already is left as it is: a memory restored from backup finds what left since."""
    sequence = memory.sequence + 1
    identity = parcel_id(release.rules.collection.id, release.practice.practice_code, sequence, drafted.extract_id)
    check_place_is_free(release, sequence, identity)
    out_already = release.settings.outbox / identity
    if out_already.exists():
        return read_manifest(read_manifest_bytes(out_already)[0])
    draft = manifest_without_parts(release, run_spool, memory, drafted, sequence, identity)
    return seal(draft, drafted.drafts, release.keys, release.settings.outbox)


def _moved_on(memory: Memory, run_spool: Spool, manifest: Manifest, withheld: Withheld) -> Memory:
    extract = run_spool.read_note(f"read-{manifest.extract_id}")
    taken_until = max(taken_at(run_spool, manifest.extract_id), memory.taken_until_instant() or _EVER)
    return replace(
        memory,
        sequence=manifest.sequence,
        previous_manifest_sha256=manifest.sha256(),
        parcel_id=manifest.parcel_id,
        taken_extracts={**memory.taken_extracts, manifest.extract_id: extract["fingerprint"]},
        taken_until=taken_until.isoformat(),
        tables={
            **memory.tables,
            **_remembered(run_spool, memory),
            "patients": run_spool.read_table("patients"),
            "consents": run_spool.read_table("consents-now"),
            "withheld": pa.table({"record_id": pa.array(sorted(withheld.record_ids), pa.string())}),
        },
    )


def _remembered(run_spool: Spool, memory: Memory) -> dict[str, pa.Table]:
    """The adapter's tables after this run. A late delivery may add to what newer ones left, and changes nothing of it."""
    pulled = run_spool.read_note("extracts")
    read = {name: run_spool.read_table(f"remembered-{name}") for name in pulled["remembered"]}
    if not pulled["late"]:
        return read
    keys = pulled["told_apart_by"]
    return {name: added_to(memory.tables.get(name), table, keys.get(name, [])) for name, table in read.items()}


def _remembered_withheld(memory: Memory) -> list[str]:
    return list(memory.tables["withheld"].column(0).to_pylist()) if "withheld" in memory.tables else []


def _check_policy_unchanged(release: Release, run_spool: Spool) -> None:
    """Of every file that any step has read: some are read by the pull alone, and count all the same."""
    before = run_spool.read_note("policy")
    release.policy.note(*before)
    if any(release.policy.sha256[name] != sha256 for name, sha256 in before.items()):
        raise PolicyChanged(
            f"{release.practice.practice_code}: policy files changed since the pull. Run the practice again from `pull`."
        )
