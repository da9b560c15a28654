"""EMIS's own words, and ours for them. A word that is not here leaves as "other", and is counted."""

PRECISION = {"Y": "year", "YM": "month", "YMD": "day", "YMDT": "day", "U": "unknown"}
SEX = {"M": "male", "F": "female", "U": "not_known", "I": "not_specified"}
REGISTRATION = {
    "Regular": "regular",
    "Temporary": "temporary",
    "Private": "private",
    "Emergency": "emergency",
    "Emg": "emergency",
    "Immediately Necessary": "immediately_necessary",
    "Walk-In Patient": "walk_in",
}
OBSERVATION_TYPE = {
    "Observation": "observation",
    "Value": "value",
    "Investigation": "investigation",
    "Test Request": "test_request",
    "Family History": "family_history",
    "Annotation": "annotation",
    "Document": "document",
    "Referral": "referral",
    "Problem": "problem",
    "Immunisation": "immunisation",
    "Allergy": "allergy",
}
PRESCRIPTION = {
    "Acute medication": "acute",
    "Acute": "acute",
    "Repeat medication": "repeat",
    "Repeat": "repeat",
    "Repeat dispensing": "repeat_dispensing",
    "Automatic": "automatic",
}
PROBLEM_STATUS = {"Active Problem": "active", "Past Problem": "past"}
SIGNIFICANCE = {
    "Significant Problem": "significant",
    "Minor Problem": "minor",
    "Unspecified significance": "unspecified",
}
URGENCY = {"Routine": "routine", "Urgent": "urgent", "2 Week Wait": "two_week_wait", "Soon": "soon"}
SERVICE = {
    "Outpatient": "outpatient",
    "Inpatient": "inpatient",
    "Day Case": "day_case",
    "Community": "community",
    "Community Care": "community",
    "Diagnostic": "diagnostic",
    "Investigation": "diagnostic",
    "Mental Health": "mental_health",
    "Assessment": "assessment",
    "Advice": "advice",
}
MODE = {"Electronic": "electronic", "Letter": "letter", "Written": "letter", "Telephone": "telephone", "Fax": "fax"}
ORGANISATION = {
    "GP Practice": "gp_practice",
    "Hospital": "hospital",
    "CCG": "ccg",
    "ICB": "icb",
    "Pharmacy": "pharmacy",
}
