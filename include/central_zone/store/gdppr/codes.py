"""Codes that the GDPPR layout knows: blood pressures, and suppliers as GDPPR spells them."""

# SNOMED CT. The valid pairs of GP Connect's guidance on recording a blood pressure ("blood pressure triplets").
SYSTOLIC = (
    "72313002",  # systolic arterial pressure
    "271649006",  # systolic blood pressure
    "407556006",  # lying
    "400974009",  # standing
    "407554009",  # sitting
    "716579001",  # baseline
    "2181381000000109",  # average ambulatory
    "1162737008",  # self reported
)
DIASTOLIC = (
    "1091811000000102",  # diastolic arterial pressure
    "271650006",  # diastolic blood pressure
    "407557002",  # lying
    "400975005",  # standing
    "407555005",  # sitting
    "716632005",  # baseline
    "2181391000000106",  # average ambulatory
    "1162735000",  # self reported
)
# A format that several suppliers write says nothing of whose system it was, and the column stays empty.
SUPPLIERS = {"emis_csv": "EMIS", "tpp_csv": "TPP", "medicus_csv": "Medicus"}
