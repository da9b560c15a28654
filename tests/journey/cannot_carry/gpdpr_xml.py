"""What the GPDPR supplier schema cannot carry."""

import polars as pl

from journey.cannot_carry.entry import ONLY_EMIS_LACKS_IT, CannotCarry

_GPDPR = "gpdpr_xml"
_NO_ATTRIBUTE = "The schema has no attribute for it."

ENTRIES = (
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
    CannotCarry(_GPDPR, "appointment", ONLY_EMIS_LACKS_IT, "status"),
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
