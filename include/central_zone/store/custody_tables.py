"""What the store keeps for re-identification: an escrow that it cannot open, and what became of each case, in counts."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from central_zone.store.metadata import PRACTICE, metadata

# The key that a parcel's escrow is sealed with, itself sealed to the custodian.
parcel_key = Table(
    "parcel_key",
    metadata,
    Column("parcel_number", BigInteger, primary_key=True, autoincrement=False),
    Column("custodian_key", Text, nullable=False),  # its name
    Column("sealed_key", LargeBinary, nullable=False),
    schema="custody",
)

# The source's tokens (T1) of one registration and its person, sealed. Beside each row of records.patient that has a person.
escrow = Table(
    "escrow",
    metadata,
    Column("practice_code", PRACTICE, nullable=False),
    Column("registration_token", Uuid, nullable=False),
    Column("parcel_number", BigInteger, nullable=False),
    Column("sealed_in", BigInteger, nullable=False),  # the parcel whose key opens it: its own, or a later bridge
    Column("sealed", LargeBinary, nullable=False),
    schema="custody",
)
Index("escrow_of_one_registration", escrow.c.practice_code, escrow.c.registration_token, escrow.c.parcel_number)

case = Table(
    "case",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("request_sha256", Text, nullable=False),
    Column("use_id", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("people", Integer, nullable=False),  # asked about
    Column("people_found", Integer, nullable=False),
    Column("practices", Integer, nullable=False),
    Column("approved_by", JSONB, nullable=False),  # names of keys
    Column("carried_out_at", DateTime(timezone=True), nullable=False),
    Column("audit_hash", Text, nullable=False),
    UniqueConstraint("request_sha256", name="one_case_a_request"),
    schema="custody",
)

# What goes to the source about one practice. Its bytes are kept from the moment the case is decided until they are written.
case_file = Table(
    "case_file",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("practice_code", PRACTICE, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("data", LargeBinary),
    Column("written_at", DateTime(timezone=True)),
    CheckConstraint("(data IS NULL) = (written_at IS NOT NULL)", name="kept_until_written"),
    schema="custody",
)

refused_case = Table(
    "refused_case",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", Text),  # NULL where the request could not be read
    Column("reason", Text, nullable=False),  # one of crossing.case_request.REFUSALS
    Column("people", Integer),
    Column("refused_at", DateTime(timezone=True), nullable=False),
    Column("audit_hash", Text, nullable=False),
    schema="custody",
)
