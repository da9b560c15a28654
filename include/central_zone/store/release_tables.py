"""The fixed tables of the schema `release`: who may be used, what was disclosed, and which tables a release made."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Date, DateTime, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from central_zone.store.metadata import PRACTICE, metadata

APPLIES, EXEMPT = DECISIONS = ("applies", "exempt")

# People of whom the national service said, at `checked_at`, that they had not opted out. Nobody else may be used.
national_allow_list = Table(
    "national_allow_list",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("practice_code", PRACTICE, primary_key=True),
    Column("patient_token", Uuid, primary_key=True),
    Column("checked_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    schema="release",
)
Index("allowed_of_one_person", national_allow_list.c.patient_token)

# One row a release, with exact counts: they stay inside, and the register shows them rounded or not at all.
disclosure = Table(
    "disclosure",
    metadata,
    Column("disclosure_id", BigInteger, Identity(always=True), primary_key=True),
    Column("use_id", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("released_at", DateTime(timezone=True), nullable=False),
    Column("decision", Text, nullable=False),
    Column("reason", Text),  # of an exemption
    Column("evidence", JSONB),
    Column("legal_gateway", Text, nullable=False),
    Column("oldest_check", DateTime(timezone=True)),
    Column("relies_until", DateTime(timezone=True)),
    Column("practices", Integer, nullable=False),
    Column("practices_without_check", JSONB, nullable=False),  # their codes
    Column("persons_checked", BigInteger, nullable=False),
    Column("excluded_opted_out", BigInteger, nullable=False),
    Column("excluded_no_valid_number", BigInteger, nullable=False),  # registrations: nobody knows of how many people
    Column("excluded_no_current_check", BigInteger, nullable=False),
    Column("persons_released", BigInteger, nullable=False),
    Column("rows_released", JSONB, nullable=False),  # table -> rows
    Column("project_key", Text, nullable=False),
    Column("policy_sha256", JSONB, nullable=False),
    Column("audit_hash", Text, nullable=False),
    CheckConstraint(f"decision IN {DECISIONS}", name="decision_is_known"),
    CheckConstraint(
        "(decision = 'exempt') = (reason IS NOT NULL AND evidence IS NOT NULL)", name="an_exemption_has_its_reason"
    ),
    schema="release",
)
Index("disclosures_of_a_use", disclosure.c.use_id, disclosure.c.released_at)

# What there is to erase from, and under which key: known here even when a use's file is gone.
released_table = Table(
    "released_table",
    metadata,
    Column("use_id", Text, primary_key=True),
    Column("table_name", Text, primary_key=True),  # the canonical table
    Column("disclosure_id", BigInteger, nullable=False),
    Column("project_key_version", Integer, nullable=False),
    schema="release",
)

# Who works with a release, as policy had it when it was made: the policies on released tables ask.
analyst = Table(
    "analyst",
    metadata,
    Column("use_id", Text, primary_key=True),
    Column("login", Text, primary_key=True),
    Column("last_day", Date, nullable=False),
    schema="release",
)
