"""What the formats cannot carry, or carry otherwise than EMIS's bulk CSV, which is the measure of all of them.

docs/formats.md shows this table; tests hold the two together, and fail on an entry that is not needed any more.
"""

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True)
class CannotCarry:
    """A whole table; or a column of it; or, with `which` and `rows`, some of its rows.

    `rows` is true of those rows once they are reduced to what can be compared (see formats_compared); they are left out
    on both sides. `which` says in words which they are.
    """

    format: str
    table: str
    why: str
    column: str = ""
    which: str = ""
    rows: pl.Expr | None = field(default=None, compare=False)

    @property
    def what(self) -> str:
        """In the words of the docs."""
        if self.which:
            return f"`{self.table}`: {self.which}"
        return f"`{self.table}.{self.column}`" if self.column else f"`{self.table}`"


_GPDPR = "gpdpr_xml"
_NO_ATTRIBUTE = "The schema has no attribute for it."

_GPDPR_XML = (
    CannotCarry(_GPDPR, "encounter", _NO_ATTRIBUTE, "is_complete"),
    CannotCarry(
        _GPDPR,
        "observation",
        "One table for all; the schema does not say of which kind an entry is.",
        "observation_type",
    ),
    CannotCarry(_GPDPR, "recall", _NO_ATTRIBUTE, "is_active"),
    CannotCarry(_GPDPR, "recall", _NO_ATTRIBUTE, "is_complete"),
    CannotCarry(_GPDPR, "medication", _NO_ATTRIBUTE, "issues_made"),
    CannotCarry(_GPDPR, "referral", _NO_ATTRIBUTE, "mode"),
    CannotCarry(
        _GPDPR, "referral", "`source` is not an organisation's id; it can name a person.", "source_organisation_token"
    ),
    CannotCarry(_GPDPR, "problem", _NO_ATTRIBUTE, "last_review_date"),
    CannotCarry(_GPDPR, "appointment", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(
        _GPDPR,
        "appointment",
        "An appointment names its patient by NHS number only.",
        which="those of patients without a valid NHS number",
        rows=pl.col("person") == "no NHS number",
    ),
    CannotCarry(
        _GPDPR,
        "encounter",
        "They lead to an appointment that could not be carried.",
        which="those of such patients that had an appointment",
        rows=(pl.col("person") == "no NHS number") & pl.col("appointment_token").is_not_null(),
    ),
    CannotCarry(_GPDPR, "organisation", _NO_ATTRIBUTE, "open_date"),
)

_UNDATED_REFERRALS = "A referral without a date of its own has none; EMIS's is that of the observation it is about."

_GP_CONNECT = "gp_connect"
_NO_PLACE = "The record has no place for it."
_OF_PATIENTS = (
    *("patient", "encounter", "observation", "immunisation", "recall", "allergy", "medication", "referral", "problem"),
)
_THE_PROBLEM_SAYS_SO = "The problem names its entries: where it is gone, they are nobody's."

_GP_CONNECT_WHOLE_RECORDS = (
    CannotCarry(
        _GP_CONNECT,
        table,
        "Who opts in again sends the whole record; by EMIS's changes, only what changes from then on.",
        which="those of people who opted out and in again",
        rows=pl.col("story") == "came back",
    )
    for table in _OF_PATIENTS
    if table not in ("allergy", "referral")  # they have none
)
_GP_CONNECT_DELETED = (
    CannotCarry(
        _GP_CONNECT,
        table,
        "Nobody asks for the record of a patient who was deleted, and what is not sent is not taken for deleted.",
        which="those of patients who were deleted",
        rows=pl.col("story") == "deleted",
    )
    for table in _OF_PATIENTS
)
_GP_CONNECT_OTHERS = (
    CannotCarry(_GP_CONNECT, "appointment", "Appointments are a service of their own."),
    CannotCarry(_GP_CONNECT, "encounter", "Appointments are not part of the record.", "appointment_token"),
    CannotCarry(_GP_CONNECT, "encounter", _NO_PLACE, "recorded_at"),
    CannotCarry(_GP_CONNECT, "observation", "The record does not say of which kind an entry is.", "observation_type"),
    CannotCarry(_GP_CONNECT, "observation", _THE_PROBLEM_SAYS_SO, "problem_token"),
    CannotCarry(_GP_CONNECT, "immunisation", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(_GP_CONNECT, "allergy", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(_GP_CONNECT, "medication", _THE_PROBLEM_SAYS_SO, "problem_token"),
    CannotCarry(_GP_CONNECT, "medication", "Not every word of EMIS's is one of the standard's.", "prescription_type"),
    CannotCarry(_GP_CONNECT, "referral", "FHIR's four priorities have no two-week wait.", "urgency"),
    CannotCarry(_GP_CONNECT, "referral", _UNDATED_REFERRALS, "effective_date"),
    CannotCarry(_GP_CONNECT, "referral", _UNDATED_REFERRALS, "effective_date_precision"),
    CannotCarry(_GP_CONNECT, "referral", _UNDATED_REFERRALS, "recorded_at"),
    CannotCarry(_GP_CONNECT, "referral", _NO_PLACE, "service_type"),
    CannotCarry(_GP_CONNECT, "referral", _NO_PLACE, "mode"),
    CannotCarry(_GP_CONNECT, "problem", "A past problem is an inactive one.", "status"),
    CannotCarry(_GP_CONNECT, "problem", _NO_PLACE, "last_review_date"),
    CannotCarry(_GP_CONNECT, "organisation", _NO_PLACE, "open_date"),
    CannotCarry(
        _GP_CONNECT,
        "organisation",
        "Organisations come with the records that name them.",
        which="those that no record names",
        rows=pl.col("ods_code").is_in(["FZZ01", "QZZ01"]),
    ),
)

_TPP = "tpp_csv"
_NOT_IN_THE_EXTRACT = "The extract has no column for it."
_NO_CODE = "It has no code in TPP."
_NO_PARTIAL_DATES = "TPP writes whole dates: what is known to the year or month is dated to its first day."
_ITS_OWN_CODES = "Carried: every entry has a code in CTV3, some of them TPP's own; EMIS's has one system only."

_TPP_WITHOUT_MARKS = (
    CannotCarry(
        _TPP,
        table,
        "Nothing in the extract marks a patient as confidential; until practices leave them out they are like any other.",
        which="those of patients marked confidential after the first night",
        rows=pl.col("story") == "became protected",
    )
    for table in (*_OF_PATIENTS, "appointment")
    if table not in ("allergy", "referral")  # they have none
)
_TPP_WHOLE_DATES = tuple(
    CannotCarry(_TPP, table, _NO_PARTIAL_DATES, "effective_date_precision")
    for table in ("observation", "immunisation", "allergy", "problem")
)
_TPP_FIRST_OF_JANUARY = tuple(
    CannotCarry(
        _TPP,
        table,
        "TPP writes whole dates: an entry known to the year of birth seems to be from before birth.",
        which="those dated 1 January, or to a year",
        rows=(pl.col("effective_date").dt.month() == 1) & (pl.col("effective_date").dt.day() == 1),
    )
    for table in ("observation", "immunisation", "recall")
)
_TPP_CODES = tuple(
    CannotCarry(_TPP, table, _ITS_OWN_CODES, column)
    for table in ("observation", "immunisation", "referral", "problem")
    for column in ("ctv3_code", "local_code")
)
_TPP_ENCOUNTERS = tuple(
    CannotCarry(_TPP, table, "It leads to the encounter, which has no code in TPP.", "encounter_token")
    for table in ("observation", "immunisation", "allergy", "referral", "problem")
)
_TPP_OTHERS = (
    CannotCarry(_TPP, "encounter", _NO_CODE, "snomed_concept_id"),
    CannotCarry(_TPP, "encounter", _NO_CODE, "local_code"),
    CannotCarry(_TPP, "encounter", "The table of links is not read yet.", "appointment_token"),
    CannotCarry(_TPP, "observation", _NOT_IN_THE_EXTRACT, "observation_type"),
    CannotCarry(_TPP, "observation", "Read v2 is not one of TPP's code systems.", "read_v2_code"),
    CannotCarry(_TPP, "observation", _NOT_IN_THE_EXTRACT, "range_low"),
    CannotCarry(_TPP, "observation", _NOT_IN_THE_EXTRACT, "range_high"),
    CannotCarry(_TPP, "observation", "Entries are not joined to problems.", "problem_token"),
    CannotCarry(_TPP, "immunisation", "Entries are not joined to problems.", "problem_token"),
    CannotCarry(_TPP, "allergy", "Entries are not joined to problems.", "problem_token"),
    CannotCarry(_TPP, "allergy", _ITS_OWN_CODES, "local_code"),
    CannotCarry(_TPP, "allergy", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(_TPP, "recall", _NO_CODE, "snomed_concept_id"),
    CannotCarry(_TPP, "medication", "An authorisation is a repeat in TPP.", "prescription_type"),
    CannotCarry(_TPP, "medication", _NOT_IN_THE_EXTRACT, "issues_made"),
    CannotCarry(_TPP, "medication", "Entries are not joined to problems.", "problem_token"),
    CannotCarry(_TPP, "referral", _UNDATED_REFERRALS, "effective_date"),
    CannotCarry(_TPP, "referral", _UNDATED_REFERRALS, "effective_date_precision"),
    CannotCarry(_TPP, "referral", _UNDATED_REFERRALS, "recorded_at"),
    CannotCarry(_TPP, "referral", _NOT_IN_THE_EXTRACT, "mode"),
    CannotCarry(_TPP, "referral", "Who receives it is free text.", "target_organisation_token"),
    CannotCarry(_TPP, "problem", _NOT_IN_THE_EXTRACT, "last_review_date"),
    CannotCarry(_TPP, "appointment", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(_TPP, "appointment", _NOT_IN_THE_EXTRACT, "actual_minutes"),
    CannotCarry(_TPP, "organisation", _NOT_IN_THE_EXTRACT, "organisation_type"),
    CannotCarry(_TPP, "organisation", _NOT_IN_THE_EXTRACT, "open_date"),
)

_FHIR = "fhir_r4"
_NO_ELEMENT = "The resource has no element for it."
_FHIR_R4 = (
    CannotCarry(
        _FHIR, "observation", "A problem does not name its entries, nor an observation its problem.", "problem_token"
    ),
    CannotCarry(_FHIR, "allergy", "A problem does not name its entries, nor an allergy its problem.", "problem_token"),
    CannotCarry(_FHIR, "immunisation", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(_FHIR, "medication", "Carried of issues too; EMIS says it of authorisations only.", "is_active"),
    CannotCarry(_FHIR, "referral", _NO_ELEMENT, "mode"),
    CannotCarry(_FHIR, "referral", _UNDATED_REFERRALS, "effective_date"),
    CannotCarry(_FHIR, "referral", _UNDATED_REFERRALS, "effective_date_precision"),
    CannotCarry(_FHIR, "referral", _UNDATED_REFERRALS, "recorded_at"),
    CannotCarry(_FHIR, "problem", _NO_ELEMENT, "last_review_date"),
    CannotCarry(_FHIR, "appointment", "Carried; EMIS's bulk CSV is the one that lacks it.", "status"),
    CannotCarry(_FHIR, "appointment", _NO_ELEMENT, "actual_minutes"),
    CannotCarry(_FHIR, "organisation", _NO_ELEMENT, "open_date"),
)

CANNOT_CARRY: tuple[CannotCarry, ...] = (
    *_FHIR_R4,
    *_GPDPR_XML,
    *_GP_CONNECT_WHOLE_RECORDS,
    *_GP_CONNECT_DELETED,
    *_GP_CONNECT_OTHERS,
    *_TPP_WITHOUT_MARKS,
    *_TPP_WHOLE_DATES,
    *_TPP_FIRST_OF_JANUARY,
    *_TPP_CODES,
    *_TPP_ENCOUNTERS,
    *_TPP_OTHERS,
)
