"""How a GPDPR extract (schema 0.77) is nested, and what its elements are called.

Seen in the schema: the root, `practice-extract`, `practice-patient-extracts`, `patient-extract-snapshot`, and that a row
is an element whose columns are attributes. What the rows themselves are called was not seen: it is assumed here, and
nowhere else, that a row is named after its table in lower case, as are the containers of the practice's own rows.
"""

from types import MappingProxyType

NAMESPACE = "http://www.nhsdigital.nhs.uk/GPDFSU/XMLSchema/GPDataExtract/ns"
SCHEMA_VERSION = "0.77"

ROOT = "gpdata-extract"
PRACTICE_EXTRACT = "practice-extract"
SNAPSHOT = "patient-extract-snapshot"

ROWS = MappingProxyType(
    {
        "organisation": "organisation",
        "practitioner": "practitioner",
        "patient": "patient",
        "encounter": "encounter",
        "observation": "observation",
        "immunisation": "immunisation",
        "recall": "recall",
        "allergy": "allergy",
        "medication": "medication",
        "referral": "referral",
        "problem": "problem",
        "problem-link": "problem_link",
        "appointment": "appointment",
    }
)  # element -> table
OF_THE_PRACTICE = frozenset({"organisation", "practitioner"})
OF_A_SNAPSHOT = frozenset(ROWS) - OF_THE_PRACTICE - {"appointment"}
PRACTICE_DIRECTORY = "practice-directory"
PATIENT_EXTRACTS = "practice-patient-extracts"
APPOINTMENT_EXTRACT = "appointment-extract"

# container -> what may stand in it. Containers have no attributes but those policy lists.
CHILDREN = MappingProxyType(
    {
        ROOT: frozenset({PRACTICE_EXTRACT}),
        PRACTICE_EXTRACT: frozenset(
            {PRACTICE_DIRECTORY, PATIENT_EXTRACTS, APPOINTMENT_EXTRACT, SNAPSHOT, "appointment"}
        )
        | OF_THE_PRACTICE,
        PRACTICE_DIRECTORY: OF_THE_PRACTICE,
        PATIENT_EXTRACTS: frozenset({SNAPSHOT}),
        APPOINTMENT_EXTRACT: frozenset({"appointment"}),
        SNAPSHOT: OF_A_SNAPSHOT,
    }
)
