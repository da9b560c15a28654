"""Why a patient's records stayed at the practice, as the public is told. A reason not listed is shown by its own name."""

REASONS_IN_WORDS = {
    "type_one_opt_out": "The patient opted out (Type 1 opt-out)",
    "confidential_patient": "The patient's record is marked confidential",
    "test_patient": "Not a person: a test record",
    "left_before_start": "Left the practice before the collection's first day",
    "died_before_start": "Died before the collection's first day",
    "registration_out_of_scope": "Not registered in a way the collection covers, for example as a temporary patient",
}
