"""The roster of a run: every patient known to the practice, and for each the reason to stay, or none."""

from datetime import date, datetime

import polars as pl
import pyarrow as pa

from source_zone import opt_outs
from source_zone.rules import ReleaseRules
from source_zone.spool import Spool


def decide(rules: ReleaseRules, patients: pa.Table, consents: pa.Table, *, as_of: date) -> pa.Table:
    """Columns as in opt_outs.ROSTER."""
    return opt_outs.roster(
        patients,
        opt_outs.dissenting_registrations(consents, as_of=as_of),
        start_date=rules.collection.start_date,
        registration_types=rules.collection.scope_registration_types,
    )


def held_by_reason(roster: pa.Table) -> dict[str, int]:
    reasons = pl.DataFrame(pl.from_arrow(roster))["reason"].drop_nulls()
    return dict(sorted(reasons.value_counts().iter_rows()))


def taken_on(run_spool: Spool, extract_id: str) -> date:
    """The day of an extract: "the future" and the look-back are measured from it, not from our clock."""
    return datetime.fromisoformat(run_spool.read_note(f"read-{extract_id}")["taken_at"]).date()
