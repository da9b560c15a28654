"""What a UK Core R4 export cannot carry."""

from journey.cannot_carry.entry import ONLY_EMIS_LACKS_IT, UNDATED_REFERRALS, CannotCarry

_FHIR = "fhir_r4"
_NO_ELEMENT = "The resource has no element for it."
ENTRIES = (
    CannotCarry(
        _FHIR, "observation", "A problem does not name its entries, nor an observation its problem.", "problem_token"
    ),
    CannotCarry(_FHIR, "allergy", "A problem does not name its entries, nor an allergy its problem.", "problem_token"),
    CannotCarry(_FHIR, "immunisation", ONLY_EMIS_LACKS_IT, "status"),
    CannotCarry(_FHIR, "medication", "Carried of issues too; EMIS says it of authorisations only.", "is_active"),
    CannotCarry(_FHIR, "referral", _NO_ELEMENT, "mode"),
    CannotCarry(_FHIR, "referral", UNDATED_REFERRALS, "effective_date"),
    CannotCarry(_FHIR, "referral", UNDATED_REFERRALS, "effective_date_precision"),
    CannotCarry(_FHIR, "referral", UNDATED_REFERRALS, "recorded_at"),
    CannotCarry(_FHIR, "problem", _NO_ELEMENT, "last_review_date"),
    CannotCarry(_FHIR, "appointment", ONLY_EMIS_LACKS_IT, "status"),
    CannotCarry(_FHIR, "appointment", _NO_ELEMENT, "actual_minutes"),
    CannotCarry(_FHIR, "organisation", _NO_ELEMENT, "open_date"),
)
