"""The roster of a run: every patient known to the practice, and for each the reason to stay, or none."""

from datetime import date, datetime

import polars as pl
import pyarrow as pa

from crossing.identifiers import canonical_nhs_number
from source_zone import opt_outs
from source_zone.rules import ReleaseRules
from source_zone.spool import Spool


def decide(rules: ReleaseRules, patients: pa.Table, consents: pa.Table, *, as_of: date) -> pa.Table:
    """Columns as in opt_outs.ROSTER. An objection holds for the person, under whichever registration it was made."""
    return opt_outs.roster(
        patients,
        _of_the_same_people(patients, opt_outs.dissenting_registrations(consents, as_of=as_of)),
        start_date=rules.collection.start_date,
        registration_types=rules.collection.scope_registration_types,
    )


def held_by_reason(roster: pa.Table) -> dict[str, int]:
    reasons = pl.DataFrame(pl.from_arrow(roster))["reason"].drop_nulls()
    return dict(sorted(reasons.value_counts().iter_rows()))


def taken_on(run_spool: Spool, extract_id: str) -> date:
    """The day of an extract: "the future" and the look-back are measured from it, not from our clock."""
    return datetime.fromisoformat(run_spool.read_note(f"read-{extract_id}")["taken_at"]).date()


def _of_the_same_people(patients: pa.Table, registrations: frozenset[str]) -> frozenset[str]:
    """Somebody who left and came back has two registrations at one practice, and one NHS number, or one token of it."""
    numbers: dict[str | bytes, set[str]] = {}
    for row in patients.select(["registration_id", "nhs_number", "ready_patient_token"]).to_pylist():
        number = row["ready_patient_token"] or canonical_nhs_number(row["nhs_number"])
        if number is not None:
            numbers.setdefault(number, set()).add(row["registration_id"])
    return registrations.union(*(same for same in numbers.values() if same & registrations))
