"""What the store keeps of lineage: events on their way to whoever listens."""

from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, func
from sqlalchemy.dialects.postgresql import JSONB

from central_zone.store.metadata import metadata

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("event", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("delivered_at", DateTime(timezone=True)),
    schema="lineage",
)
Index("not_delivered_yet", outbox.c.id, postgresql_where=outbox.c.delivered_at.is_(None))
Index("events_of_a_run", outbox.c.event["run"]["runId"].astext)
