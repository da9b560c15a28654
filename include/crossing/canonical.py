"""The canonical tables: the only shape in which records cross from a practice to the store.

They follow the GPDPR supplier schema 0.77 less what may not or need not travel. Every column has a kind, and a
kind says what may stand in it; there is no kind for free text, names, addresses or whole dates of birth.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

TOKEN_BYTES = 16


class Kind(StrEnum):
    """What may stand in a column. Nothing else exists, so nothing else can cross."""

    TOKEN = "token"  # noqa: S105 (not a password): 128 bits of a keyed hash, never the identifier
    CODE = "code"  # a clinical or organisation code: a string of a checked shape
    CLOSED = "closed"  # one of the words listed in policy/vocabularies.toml
    DATE = "date"  # the date of an event; never a date of birth or death
    INSTANT = "instant"  # when something was recorded
    NUMBER = "number"
    FLAG = "flag"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a canonical table."""

    name: str
    kind: Kind
    type: pa.DataType
    required: bool = False


def _token(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.TOKEN, pa.binary(TOKEN_BYTES), required)


def _code(name: str) -> Column:
    return Column(name, Kind.CODE, pa.string())


def _closed(name: str) -> Column:
    return Column(name, Kind.CLOSED, pa.string())


def _date(name: str) -> Column:
    return Column(name, Kind.DATE, pa.date32())


def _number(name: str, type_: pa.DataType | None = None) -> Column:
    return Column(name, Kind.NUMBER, type_ or pa.float64())


def _flag(name: str, *, required: bool = False) -> Column:
    return Column(name, Kind.FLAG, pa.bool_(), required)


# Every row of every table: which record it is, and whether this version of it says "deleted".
_RECORD = (_token("record_token", required=True), _flag("is_deleted", required=True))
# Every row about a patient: whose. The registration is bound to the practice; the person is on the patient row.
_OF_A_PATIENT = (*_RECORD, _token("registration_token", required=True))
_EVENT = (
    *_OF_A_PATIENT,
    _date("effective_date"),
    _closed("effective_date_precision"),
    Column("recorded_at", Kind.INSTANT, pa.timestamp("us")),
    _token("staff_role_token"),
    _token("encounter_token"),
)
_CODED = (
    _code("snomed_concept_id"),
    _code("snomed_description_id"),
    _code("read_v2_code"),
    _code("ctv3_code"),
    _code("local_code"),
)

TABLES: dict[str, tuple[Column, ...]] = {
    "patient": (
        *_OF_A_PATIENT,
        _token("patient_token"),  # absent where the NHS number is not valid: counted, never released
        _closed("sex"),
        _number("year_of_birth", pa.int16()),
        _number("year_of_death", pa.int16()),
        _number("month_of_death", pa.int16()),
        _date("registered_date"),
        _date("registration_end_date"),
        _closed("registration_type"),
        _code("lsoa_code"),
        _number("imd_decile", pa.int16()),
    ),
    "encounter": (*_EVENT, *_CODED, _token("appointment_token"), _flag("is_complete")),
    "observation": (
        *_EVENT,
        *_CODED,
        _closed("observation_type"),
        _number("value"),
        _closed("value_unit"),
        _closed("value_comparator"),
        _number("range_low"),
        _number("range_high"),
        _token("parent_token"),
        _token("problem_token"),
    ),
    "immunisation": (*_EVENT, *_CODED, _closed("status"), _token("problem_token")),
    "recall": (*_EVENT, *_CODED, _flag("is_active"), _flag("is_complete")),
    "allergy": (*_EVENT, *_CODED, _closed("status"), _token("problem_token")),
    "medication": (
        *_EVENT,
        *_CODED,
        _code("dmd_code"),
        _closed("intent"),  # `plan` = authorisation, `order` = issue
        _token("authorisation_token"),
        _closed("prescription_type"),
        _flag("is_active"),
        _number("quantity"),
        _closed("quantity_unit"),
        _number("course_days", pa.int32()),
        _number("issues_authorised", pa.int32()),
        _number("issues_made", pa.int32()),
        _date("stop_date"),
        _token("problem_token"),
    ),
    "referral": (
        *_EVENT,
        *_CODED,
        _closed("urgency"),
        _closed("service_type"),
        _closed("mode"),
        _token("source_organisation_token"),
        _token("target_organisation_token"),
        _date("end_date"),
    ),
    "problem": (
        *_EVENT,
        *_CODED,
        _closed("significance"),
        _closed("status"),
        _date("end_date"),
        _closed("end_date_precision"),
        _date("last_review_date"),
        _token("parent_problem_token"),
    ),
    "appointment": (
        *_EVENT,
        _closed("status"),
        _flag("did_not_attend"),
        _number("planned_minutes", pa.int32()),
        _number("actual_minutes", pa.int32()),
    ),
    "staff_role": (*_RECORD, _code("job_category_code")),
    "organisation": (
        *_RECORD,
        _code("ods_code"),
        _closed("organisation_type"),
        _date("open_date"),
        _date("close_date"),
    ),
}

ERASURE, NATIONAL_ALLOW_LIST = "erasure", "national_allow_list"
# A notice is not a record: it says of people, as tokens alone, what is to become of their records. Each kind of notice is
# a parcel whose only table bears its name.
NOTICES: dict[str, tuple[Column, ...]] = {
    # Erase everything of this registration that came in the practice's parcels up to this place of its sequence.
    ERASURE: (
        _token("registration_token", required=True),
        _token("patient_token"),
        Column("up_to_sequence", Kind.NUMBER, pa.int32(), required=True),
    ),
    # People of whom the national service said that they have not opted out. Whoever is not named has, as far as we know.
    NATIONAL_ALLOW_LIST: (_token("patient_token", required=True),),
}

BRIDGE = "bridge"
RECORD_ID, REGISTRATION_ID, PERSON = STANDS_FOR = ("record", "registration", "person")
# A bridge is neither a record nor a notice: it takes a place among the practice's parcels of records, and says which new
# token stands for which old one from there on.
BRIDGES: dict[str, tuple[Column, ...]] = {
    BRIDGE: (_token("old_token", required=True), _token("new_token", required=True), _closed("stands_for")),
}
BESIDE_RECORDS = (*NOTICES, *BRIDGES)  # tables that no parcel of records holds


def schema(table: str) -> pa.Schema:
    """The Arrow schema of one canonical table, notice or bridge, its kinds as field metadata."""
    return pa.schema(
        pa.field(column.name, column.type, nullable=not column.required, metadata={"kind": column.kind})
        for column in _columns(table)
    )


def column_names(table: str, kind: Kind) -> list[str]:
    """The columns of one kind in one table or notice, in order."""
    return [column.name for column in _columns(table) if column.kind == kind]


def _columns(table: str) -> tuple[Column, ...]:
    return TABLES[table] if table in TABLES else {**NOTICES, **BRIDGES}[table]


def has_patient(table: str) -> bool:
    """Whether the table's rows are about a patient."""
    return any(column.name == "registration_token" for column in TABLES[table])


def is_event(table: str) -> bool:
    """Whether the table's rows carry an effective date."""
    return any(column.name == "effective_date" for column in TABLES[table])


def schema_sha256() -> str:
    """A fingerprint of all tables: two zones that differ in a single column must not exchange parcels."""
    lines = [
        f"{table}.{column.name}:{column.kind}:{column.type}:{'required' if column.required else 'optional'}"
        for table, columns in {**TABLES, **NOTICES, **BRIDGES}.items()
        for column in columns
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
