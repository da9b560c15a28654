"""What TPP's Strategic Reporting Extract cannot carry."""

import polars as pl

from journey.cannot_carry.entry import OF_PATIENTS, ONLY_EMIS_LACKS_IT, UNDATED_REFERRALS, CannotCarry

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
    for table in (*OF_PATIENTS, "appointment")
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
    CannotCarry(_TPP, "allergy", ONLY_EMIS_LACKS_IT, "status"),
    CannotCarry(_TPP, "recall", _NO_CODE, "snomed_concept_id"),
    CannotCarry(_TPP, "medication", "An authorisation is a repeat in TPP.", "prescription_type"),
    CannotCarry(_TPP, "medication", _NOT_IN_THE_EXTRACT, "issues_made"),
    CannotCarry(_TPP, "medication", "Entries are not joined to problems.", "problem_token"),
    CannotCarry(_TPP, "referral", UNDATED_REFERRALS, "effective_date"),
    CannotCarry(_TPP, "referral", UNDATED_REFERRALS, "effective_date_precision"),
    CannotCarry(_TPP, "referral", UNDATED_REFERRALS, "recorded_at"),
    CannotCarry(_TPP, "referral", _NOT_IN_THE_EXTRACT, "mode"),
    CannotCarry(_TPP, "referral", "Who receives it is free text.", "target_organisation_token"),
    CannotCarry(_TPP, "problem", _NOT_IN_THE_EXTRACT, "last_review_date"),
    CannotCarry(_TPP, "appointment", ONLY_EMIS_LACKS_IT, "status"),
    CannotCarry(_TPP, "appointment", _NOT_IN_THE_EXTRACT, "actual_minutes"),
    CannotCarry(_TPP, "organisation", _NOT_IN_THE_EXTRACT, "organisation_type"),
    CannotCarry(_TPP, "organisation", _NOT_IN_THE_EXTRACT, "open_date"),
)

ENTRIES = (*_TPP_WITHOUT_MARKS, *_TPP_WHOLE_DATES, *_TPP_FIRST_OF_JANUARY, *_TPP_CODES, *_TPP_OTHERS)
