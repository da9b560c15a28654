"""Why a patient's records, or one record, stayed at the practice, as the public is told. A reason not listed is shown by its own name."""

REASONS_IN_WORDS = {
    "type_one_opt_out": "The patient opted out (Type 1 opt-out)",
    "confidential_patient": "The patient's record is marked confidential",
    "test_patient": "Not a person: a test record",
    "left_before_start": "Left the practice before the collection's first day",
    "died_before_start": "Died before the collection's first day",
    "registration_out_of_scope": "Not registered in a way the collection covers, for example as a temporary patient",
    "confidential_record": "The record is marked confidential",
    "legally_restricted_code": "The law restricts what the record is about",
    "withheld_with_its_observation": "Belongs to a record that was held back",
    "outside_look_back": "Too old for the collection",
    "no_patient": "Not about a patient, for example an appointment nobody booked",
    "unknown_patient": "About a patient the practice did not describe",
    "duplicate": "The same record twice",
    "unreadable_date": "a date that cannot be read",
    "unreadable_number": "a number that cannot be read",
    "unknown_code": "a code that is in no list of codes",
    "identifier_in_code": "an identifier where a code should be",
    "dated_before_birth": "dated before the patient was born",
}
