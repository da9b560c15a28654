"""How each practice stood, each time that was asked."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Identity, Index, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from central_zone.store.metadata import PRACTICE, metadata

practice_report = Table(
    "practice_report",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("collection", Text, nullable=False),
    Column("practice_code", PRACTICE, nullable=False),
    Column("agrees", Boolean, nullable=False),
    Column("differences", JSONB, nullable=False),  # sentences
    Column("facts", JSONB, nullable=False),
    schema="ledger",
)
Index("reports_of_a_practice", practice_report.c.collection, practice_report.c.practice_code, practice_report.c.at)
