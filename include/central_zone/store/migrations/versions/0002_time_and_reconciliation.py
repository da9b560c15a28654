"""Parcels rank by time, places may be skipped, and what is loaded is reconciled."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

_TABLES = (
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral"),
    *("problem", "appointment", "staff_role", "organisation"),
)


def upgrade() -> None:
    op.execute(Path(__file__).with_suffix(".sql").read_text())
    for table in (*(f"records.{table}" for table in _TABLES), "quarantine.row"):
        op.execute(f"UPDATE {table} AS row SET parcel_number = new FROM renumbered WHERE row.parcel_number = old")  # noqa: S608  # our own tables
    op.execute("UPDATE ledger.parcel SET parcel_number = new FROM renumbered WHERE parcel_number = old")
    for table in _TABLES:
        # A block range index costs next to nothing a row, and finds one parcel's rows to count them.
        op.execute(
            f"CREATE INDEX {table}_of_a_parcel ON records.{table} USING brin (parcel_number) WITH (autosummarize = on)"
        )
