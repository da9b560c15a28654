"""Parcels are found by when they came in, so that a page about two weeks of nights does not read years of them."""

from alembic import op

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    op.execute("CREATE INDEX parcels_by_arrival ON ledger.parcel (collection, received_at)")
