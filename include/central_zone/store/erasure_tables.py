"""What the store keeps of erasures: marks that only the store key can make, and counts. No token of an erased person."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from central_zone.store.metadata import PRACTICE, metadata

mark = Table(
    "mark",
    metadata,
    Column("collection", Text, primary_key=True),
    Column("practice_code", PRACTICE, primary_key=True),  # whose registration it is
    Column("registration_mark", Uuid, primary_key=True),
    # False: this practice's own word on a registration. True: held because of a word on the same person elsewhere.
    Column("is_because_of_person", Boolean, primary_key=True),
    Column("person_mark", Uuid),  # NULL in a word that reaches no further than the registration
    Column("said_by", PRACTICE, nullable=False),
    Column("said_in", Integer, nullable=False),  # the notice's sequence
    Column("up_to_sequence", Integer),
    CheckConstraint("is_because_of_person = (up_to_sequence IS NULL)", name="only_a_word_ends_somewhere"),
    schema="erasure",
)
Index("marks_of_one_person", mark.c.person_mark)

# One row for each batch of people erased: what a killed run need not do again, and what the certificate counts.
batch = Table(
    "batch",
    metadata,
    Column("notice_id", Uuid, primary_key=True),
    Column("batch", Integer, primary_key=True, autoincrement=False),
    Column("journal_number", BigInteger, nullable=False, unique=True),
    Column("people", Integer, nullable=False),
    Column("registrations", Integer, nullable=False),
    Column("practices", JSONB, nullable=False),
    Column("rows_erased", JSONB, nullable=False),  # table -> rows
    Column("rows_out_of_quarantine", BigInteger, nullable=False),
    Column("rows_out_of_release", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    schema="erasure",
)

# How far the store has applied the journal that is kept outside it.
applied_up_to = Table(
    "applied_up_to",
    metadata,
    Column("is_the_only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("number", BigInteger, nullable=False),
    Column("line_sha256", Text, nullable=False),
    CheckConstraint("is_the_only_row", name="one_row"),
    schema="erasure",
)

# Which database, of which server, on which timeline, may serve: a restored copy is another, until somebody confirms it.
serving = Table(
    "serving",
    metadata,
    Column("is_the_only_row", Boolean, primary_key=True, server_default=text("true")),
    Column("identity", Text, nullable=False),
    CheckConstraint("is_the_only_row", name="one_row"),
    schema="erasure",
)
