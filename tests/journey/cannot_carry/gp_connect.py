"""What a GP Connect record cannot carry."""

import polars as pl

from journey.cannot_carry.entry import OF_PATIENTS, ONLY_EMIS_LACKS_IT, UNDATED_REFERRALS, CannotCarry

_GP_CONNECT = "gp_connect"
_NO_PLACE = "The record has no place for it."
_THE_PROBLEM_SAYS_SO = "The problem names its entries: where it is gone, they are nobody's."

_GP_CONNECT_DELETED = (
    CannotCarry(
        _GP_CONNECT,
        table,
        "Nobody asks for the record of a patient who was deleted, and what is not sent is not taken for deleted.",
        which="those of patients who were deleted",
        rows=pl.col("story") == "deleted",
    )
    for table in OF_PATIENTS
)
_GP_CONNECT_OTHERS = (
    CannotCarry(_GP_CONNECT, "appointment", "Appointments are a service of their own."),
    CannotCarry(_GP_CONNECT, "encounter", "Appointments are not part of the record.", "appointment_token"),
    CannotCarry(_GP_CONNECT, "encounter", _NO_PLACE, "recorded_at"),
    CannotCarry(_GP_CONNECT, "observation", "The record does not say of which kind an entry is.", "observation_type"),
    CannotCarry(_GP_CONNECT, "observation", _THE_PROBLEM_SAYS_SO, "problem_token"),
    CannotCarry(_GP_CONNECT, "observation", "A Read code may come without its term's number.", "read_v2_code"),
    CannotCarry(_GP_CONNECT, "immunisation", ONLY_EMIS_LACKS_IT, "status"),
    CannotCarry(_GP_CONNECT, "allergy", ONLY_EMIS_LACKS_IT, "status"),
    CannotCarry(_GP_CONNECT, "medication", _THE_PROBLEM_SAYS_SO, "problem_token"),
    CannotCarry(_GP_CONNECT, "medication", "Not every word of EMIS's is one of the standard's.", "prescription_type"),
    CannotCarry(_GP_CONNECT, "referral", "FHIR's four priorities have no two-week wait.", "urgency"),
    CannotCarry(_GP_CONNECT, "referral", UNDATED_REFERRALS, "effective_date"),
    CannotCarry(_GP_CONNECT, "referral", UNDATED_REFERRALS, "effective_date_precision"),
    CannotCarry(_GP_CONNECT, "referral", UNDATED_REFERRALS, "recorded_at"),
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

ENTRIES = (*_GP_CONNECT_DELETED, *_GP_CONNECT_OTHERS)
