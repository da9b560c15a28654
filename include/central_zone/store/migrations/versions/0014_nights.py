"""Pages read two weeks of years: parcels are found by when they came in, lineage by the run it tells of."""

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.execute("CREATE INDEX parcels_by_arrival ON ledger.parcel (collection, received_at)")
    op.execute("CREATE INDEX events_of_a_run ON lineage.outbox ((event['run'] ->> 'runId'))")
