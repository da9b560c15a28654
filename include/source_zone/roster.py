"""The roster of an extract: every patient known to the practice, and for each the reason to stay, or none."""

from datetime import date, datetime

import polars as pl
import pyarrow as pa

from crossing.manifest_fields import SNAPSHOT
from source_zone import opt_outs
from source_zone.canonical_forms import spelt_once
from source_zone.identifier import Identifier, Reason, nhs_number_in
from source_zone.objections import CONSENTS
from source_zone.people_sent import held_until_whole
from source_zone.rules import ReleaseRules
from source_zone.spool import Spool
from source_zone.versions import known_by

# Reasons that count from the moment they are known, also for a delivery taken earlier: whoever objects now, or turns out
# to be confidential, is not sent from a backfill that would have sent them on its own night.
_KNOWN_NOW = ("unreadable_patient_record", "test_patient", "confidential_patient", "type_one_opt_out")
Rosters = dict[str, pa.Table]  # extract id -> roster


def rosters(
    rules: ReleaseRules,
    run_spool: Spool,
    patients: pa.Table,
    consents: pa.Table,
    *,
    as_of: date,
    held: frozenset[str] = frozenset(),
) -> Rosters:
    """Of each extract pulled. `patients` and `consents` are versions with their instants; `as_of` is the newest day known.

    A night's extracts share one. One that is late gets its own: who was known on its day and as what, but for the
    reasons that count from the moment they are known. Whoever is in `held` stays until they can be sent whole.
    """
    pulled = run_spool.read_note("extracts")
    if not pulled["late"]:
        decided = decide(rules, people(patients), objections_known(consents), as_of=as_of)
        waits = held_until_whole(decided, held)
        whole_from = next((n for n, each in enumerate(pulled["ids"]) if _is_whole(run_spool, each)), len(pulled["ids"]))
        return {each: waits if n < whole_from else decided for n, each in enumerate(pulled["ids"])}
    late = {each: _late(rules, patients, consents, taken_at(run_spool, each)) for each in pulled["ids"]}
    return {each: held_until_whole(roster, held) for each, roster in late.items()}


def _is_whole(run_spool: Spool, extract_id: str) -> bool:
    """Whether the extract has everything of everybody: a snapshot, or all that is known sent again."""
    is_snapshot: bool = run_spool.read_note(f"read-{extract_id}")["kind"] == SNAPSHOT
    return is_snapshot or bool(run_spool.read_note(f"volume-{extract_id}")["sent_again"])


def _late(rules: ReleaseRules, patients: pa.Table, consents: pa.Table, at: datetime) -> pa.Table:
    """An objection holds back that stood on the day, or stands now."""
    day = at.date()
    then = pl.DataFrame(pl.from_arrow(decide(rules, people(patients, at), objections_known(consents, at), as_of=day)))
    now = pl.DataFrame(pl.from_arrow(decide(rules, people(patients), objections_known(consents), as_of=day)))
    stays_now = now.filter(pl.col("reason").is_in(_KNOWN_NOW)).select("registration_id", pl.col("reason").alias("now"))
    both = then.join(stays_now, on="registration_id", how="left", maintain_order="left")
    decided = both.select("registration_id", pl.coalesce("now", "reason").alias("reason"), "date_of_birth")
    return decided.to_arrow().cast(opt_outs.ROSTER)


def objections_known(versions: pa.Table, at: datetime | None = None) -> pa.Table:
    """The entries as they stood by an instant, or stand now."""
    return opt_outs.latest_entries(CONSENTS.empty_table(), known_by(versions, at).cast(CONSENTS))


def people(versions: pa.Table, at: datetime | None = None) -> pa.Table:
    """The last facts of every patient, as stated by an instant, or by now."""
    known = known_by(versions, at)
    return opt_outs.known_patients(known.slice(0, 0), known)


def decide(rules: ReleaseRules, patients: pa.Table, consents: pa.Table, *, as_of: date) -> pa.Table:
    """Columns as in opt_outs.ROSTER. An objection holds for the person, under whichever registration it was made."""
    return decide_without(rules, patients, objecting(rules, patients, consents, as_of=as_of))


def decide_without(rules: ReleaseRules, patients: pa.Table, objecting: frozenset[str]) -> pa.Table:
    """The same where it is known already who objects."""
    return opt_outs.roster(
        patients,
        objecting,
        start_date=rules.collection.start_date,
        registration_types=rules.collection.scope_registration_types,
    )


def objecting(
    rules: ReleaseRules, patients: pa.Table, consents: pa.Table, *, as_of: date, rule_of: date | None = None
) -> frozenset[str]:
    """Every registration of everybody whose objection is in force, each spelt once."""
    return of_the_same_people(patients, dissenting(rules, consents, as_of=as_of, rule_of=rule_of))


def dissenting(rules: ReleaseRules, consents: pa.Table, *, as_of: date, rule_of: date | None = None) -> frozenset[str]:
    """The registrations that have an objection in force written in them, under the rule of that day or of another."""
    version = rules.type_one.in_force_on(rule_of or as_of).number
    return opt_outs.dissenting_registrations(consents, as_of=as_of, version=version)


def held_by_reason(roster: pa.Table) -> dict[str, int]:
    reasons = pl.DataFrame(pl.from_arrow(roster))["reason"].drop_nulls()
    return dict(sorted(reasons.value_counts().iter_rows()))


def taken_on(run_spool: Spool, extract_id: str) -> date:
    """The day of an extract: "the future" and the look-back are measured from it, not from our clock."""
    return taken_at(run_spool, extract_id).date()


def taken_at(run_spool: Spool, extract_id: str) -> datetime:
    return datetime.fromisoformat(run_spool.read_note(f"read-{extract_id}")["taken_at"])


def of_the_same_people(patients: pa.Table, registrations: frozenset[str]) -> frozenset[str]:
    """Somebody who left and came back has two registrations at one practice, and one NHS number, or one token of it."""
    numbers: dict[Identifier | bytes, set[str]] = {}
    for row in patients.select(["registration_id", "nhs_number", "ready_patient_token"]).to_pylist():
        number = nhs_number_in(row["nhs_number"])
        who: Identifier | bytes | None = row["ready_patient_token"] or number
        if who is not None:
            same = numbers.setdefault(who, set())
            same.add(spelt_once(row["registration_id"]))
            if number:  # an objection that came before its patient may name nobody but the number
                same.add(number.reveal(Reason.COLUMN))
    return registrations.union(*(same for same in numbers.values() if same & registrations))
