"""The codes of the synthetic records. Ids of real concepts stand beside made-up ones; every one has a right check digit.

Terms are ours, for reading only. Which codes a rule is about (opt-out, restricted) is written here a second time, on
purpose: a test compares them with policy, so neither can drift unseen.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa

from simulator.check_digits import made_up_snomed_id
from simulator.draws import Numbers


class Role(IntEnum):
    """What a code is used for. The first eleven are EMIS's observation types, in the order of OBSERVATION_TYPES."""

    OBSERVATION = 0
    VALUE = 1
    INVESTIGATION = 2
    TEST_REQUEST = 3
    FAMILY_HISTORY = 4
    ANNOTATION = 5
    DOCUMENT = 6
    REFERRAL = 7
    PROBLEM = 8
    IMMUNISATION = 9
    ALLERGY = 10
    ETHNICITY = 11
    SEXUAL_ORIENTATION = 12
    RECALL = 13
    CONSULTATION = 14
    DISSENT = 15
    WITHDRAWAL = 16
    TYPE_TWO = 17
    RESTRICTED = 18


OBSERVATION_TYPES = (
    *("Observation", "Value", "Investigation", "Test Request", "Family History", "Annotation", "Document"),
    *("Referral", "Problem", "Immunisation", "Allergy"),
)


@dataclass(frozen=True, slots=True)
class ClinicalCode:
    """One row of the code table. `low` and `high` bound most values; `unit` goes with them."""

    role: Role
    term: str
    snomed: str = ""
    read: str = ""
    low: float = 0
    high: float = 0
    unit: str = ""


def _concepts(role: Role, text: str) -> list[ClinicalCode]:
    return [
        ClinicalCode(role, term, snomed)
        for snomed, _, term in (line.strip().partition(" ") for line in text.strip().splitlines())
    ]


def _measured(role: Role, text: str) -> list[ClinicalCode]:
    rows = (line.strip().split("|") for line in text.strip().splitlines())
    return [
        ClinicalCode(role, term, snomed, "", float(low), float(high), unit) for snomed, term, low, high, unit in rows
    ]


def _local(role: Role, term: str, *, read: str = "", snomed: str = "") -> ClinicalCode:
    return ClinicalCode(role, term, snomed, read)


_PROBLEMS = """
38341003 Hypertension
44054006 Type 2 diabetes mellitus
46635009 Type 1 diabetes mellitus
195967001 Asthma
13645005 Chronic obstructive lung disease
35489007 Depressive disorder
197480006 Anxiety disorder
49436004 Atrial fibrillation
84114007 Heart failure
22298006 Myocardial infarction
230690007 Stroke
709044004 Chronic kidney disease
396275006 Osteoarthritis
69896004 Rheumatoid arthritis
40930008 Hypothyroidism
84757009 Epilepsy
52448006 Dementia
254837009 Breast cancer
9014002 Psoriasis
43116000 Eczema
235595009 Gastro-oesophageal reflux disease
37796009 Migraine
271737000 Anaemia
414916001 Obesity
58214004 Schizophrenia
13746004 Bipolar disorder
240589008 Chlamydial infection
"""
_OBSERVATIONS = """
25064002 Headache
49727002 Cough
267036007 Breathlessness
29857009 Chest pain
21522001 Abdominal pain
84229001 Tiredness
386661006 Fever
404640003 Dizziness
161891005 Backache
162397003 Sore throat
422587007 Nausea
62315008 Diarrhoea
271807003 Rash
193462001 Insomnia
80313002 Palpitations
77176002 Smoker
8517006 Ex-smoker
266919005 Never smoked
"""
_VALUES = """
271649006|Systolic blood pressure|105|155|mmHg
271650006|Diastolic blood pressure|60|95|mmHg
27113001|Body weight|48|110|kg
50373000|Body height|148|192|cm
60621009|Body mass index|18|36|kg/m2
78564009|Pulse rate|55|100|bpm
386725007|Body temperature|36|38.5|degC
431314004|Oxygen saturation|92|100|%
86290005|Respiratory rate|11|22|/day
160573003|Alcohol intake|0|40|units/week
"""
_INVESTIGATIONS = """
999791000000106|Haemoglobin A1c|32|75|mmol/mol
1000731000000107|Serum creatinine|50|130|umol/L
1020291000000106|Glomerular filtration rate|40|95|mL/min/1.73m2
1022431000000105|Haemoglobin|105|170|g/L
1022541000000102|White cell count|3.5|12|10*9/L
1022651000000100|Platelet count|140|420|10*9/L
1005671000000105|Serum cholesterol|3|7.5|mmol/L
1005681000000107|HDL cholesterol|0.9|2.4|mmol/L
1000661000000107|Serum sodium|132|146|mmol/L
1000651000000109|Serum potassium|3.4|5.4|mmol/L
1018251000000107|Alanine aminotransferase|8|70|U/L
1022791000000101|Thyroid stimulating hormone|0.3|6|mU/L
993381000000106|Serum ferritin|15|300|ug/L
999651000000107|C reactive protein|1|40|mg/L
1000821000000103|Serum albumin|32|50|g/L
1022511000000103|Erythrocyte sedimentation rate|2|40|mm/h
"""
_OTHER = [
    *_concepts(Role.TEST_REQUEST, "26604007 Full blood count"),
    *_concepts(
        Role.FAMILY_HISTORY,
        "160303001 Family history of diabetes\n160377001 Family history of asthma\n297242006 Family history of heart disease",
    ),
    *_concepts(Role.ANNOTATION, "185317003 Telephone encounter\n314530002 Medication review done"),
    *_concepts(Role.DOCUMENT, "371531000 Report of encounter"),
    *_concepts(Role.REFERRAL, "3457005 Patient referral\n306206005 Referral to service\n306253008 Referral to doctor"),
    *_concepts(
        Role.IMMUNISATION, "86198006 Influenza vaccination\n38598009 MMR vaccination\n12866006 Pneumococcal vaccination"
    ),
    *_concepts(
        Role.IMMUNISATION, "1324681000000101 First COVID-19 vaccination\n1324691000000104 Second COVID-19 vaccination"
    ),
    *_concepts(
        Role.ALLERGY,
        "91936005 Allergy to penicillin\n91935009 Allergy to peanut\n300916003 Latex allergy\n418689008 Grass pollen allergy",
    ),
    *_concepts(
        Role.ETHNICITY,
        "494131000000105 Ethnicity A\n92391000000108 Ethnicity B\n92491000000104 Ethnicity C\n92501000000105 Ethnicity D\n92461000000105 Ethnicity E",
    ),
    *_concepts(Role.SEXUAL_ORIENTATION, "20430005 Heterosexual\n38628009 Homosexual\n42035005 Bisexual"),
    *_concepts(
        Role.RECALL, "394700004 Asthma annual review\n170777000 Annual review\n308335008 Patient encounter procedure"
    ),
    *_concepts(
        Role.CONSULTATION, "185317003 Telephone encounter\n439740005 Follow-up encounter\n11429006 Consultation"
    ),
    # A practice's own codes: no SNOMED, only EMIS's local spelling.
    _local(Role.OBSERVATION, "Local: blood bottle out of stock", read="EMISNQBL27"),
    _local(Role.OBSERVATION, "Local: social prescriber seen", read="^ESCTSO819023"),
    _local(Role.CONSULTATION, "Local: surgery consultation", read="EMISNQSU12"),
]
# Each code system on its own, so that a rule which forgets one is found out; 9Nu0.00 is Read v2 with its term id.
_CONSENTS = [
    _local(Role.DISSENT, "Dissent from secondary use", snomed="827241000000103"),
    _local(Role.DISSENT, "Dissent from secondary use", read="9Nu0."),
    _local(Role.DISSENT, "Dissent from secondary use (mapped)", read="XaZ89"),
    _local(Role.DISSENT, "Dissent from secondary use (old)", read="9Nu0.00"),
    _local(Role.WITHDRAWAL, "Dissent withdrawn", snomed="827261000000102"),
    _local(Role.WITHDRAWAL, "Dissent withdrawn", read="9Nu1."),
    _local(Role.WITHDRAWAL, "Dissent withdrawn (mapped)", read="XaZ8A"),
    _local(Role.TYPE_TWO, "Type 2 dissent", snomed="881561000000100"),
    _local(Role.TYPE_TWO, "Type 2 dissent", read="9Nu4."),
    _local(Role.TYPE_TWO, "Type 2 dissent (mapped)", read="XaaVL"),
]
_RESTRICTED = [
    _local(Role.RESTRICTED, "Assisted fertilisation", snomed="63487001"),
    _local(Role.RESTRICTED, "Intracytoplasmic sperm injection", snomed="225250007"),
    _local(Role.RESTRICTED, "Made-up concept one", snomed="9990001000000101"),
    _local(Role.RESTRICTED, "Introduction of gamete", read="7E0A."),
    _local(Role.RESTRICTED, "Made-up concept in CTV3", read="Xa9Z0"),
    _local(Role.RESTRICTED, "Made-up concept two", snomed="9990011000000104"),
]

CODES: tuple[ClinicalCode, ...] = (
    *_concepts(Role.PROBLEM, _PROBLEMS),
    *_concepts(Role.OBSERVATION, _OBSERVATIONS),
    *_measured(Role.VALUE, _VALUES),
    *_measured(Role.INVESTIGATION, _INVESTIGATIONS),
    *_OTHER,
    *_CONSENTS,
    *_RESTRICTED,
)
ROLES = np.array([code.role for code in CODES])
LOWS = np.array([code.low for code in CODES])
HIGHS = np.array([code.high for code in CODES])
UNITS = pa.array([code.unit for code in CODES])


def of_role(role: Role) -> Numbers:
    """The places in CODES of the codes used for something."""
    return np.flatnonzero(role == ROLES)


# After the shared codes stand, at each practice, three codes of its own that hold an NHS number, and one that the
# code table lacks altogether.
IDENTIFIER_CODES = tuple(range(len(CODES), len(CODES) + 3))
UNKNOWN_CODE = len(CODES) + 3
_FIRST_CODE_ID = 253_651_000_006_000
CODE_IDS = pa.array([str(_FIRST_CODE_ID + 7 * place) for place in range(UNKNOWN_CODE + 1)])
IS_RESTRICTED = np.append(ROLES == Role.RESTRICTED, [False] * 4)
HOLDS_IDENTIFIER = np.isin(np.arange(UNKNOWN_CODE + 1), IDENTIFIER_CODES)

# What a general entry is: a share for each role, then any code of it.
_SHARES = {
    Role.VALUE: 30,
    Role.INVESTIGATION: 30,
    Role.OBSERVATION: 22,
    Role.IMMUNISATION: 4,
    Role.ALLERGY: 1,
    Role.TEST_REQUEST: 4,
    Role.FAMILY_HISTORY: 1,
    Role.ANNOTATION: 5,
    Role.DOCUMENT: 3,
}
GENERAL = np.concatenate([np.resize(of_role(role), 64 * share) for role, share in _SHARES.items()])


@dataclass(frozen=True, slots=True)
class Drug:
    """One row of the drug code table."""

    term: str
    dmd: str
    unit: str


DRUGS = (
    Drug("Paracetamol 500mg tablets", "322236009", "tablet"),
    Drug("Paracetamol 500mg tablets (second product)", "39113311000001107", "tablet"),
    Drug("Metformin 500mg tablets", "325278007", "tablet"),
    Drug("Amlodipine 5mg tablets", "319283006", "tablet"),
    Drug("Amoxicillin 500mg capsules", "323510009", "capsule"),
    Drug("Simvastatin 40mg tablets", "319997009", "tablet"),
    *(
        Drug(f"Made-up medicine {n}", made_up_snomed_id(999000 + n, namespace="1000001"), unit)
        for n, unit in enumerate(
            ["tablet", "capsule", "ml", "gram", "dose", "sachet", "patch", "device", "tablet", "capsule"]
        )
    ),
)
UNKNOWN_DRUG = len(DRUGS)
_FIRST_DRUG_ID = 801_234_000_033_000
DRUG_IDS = pa.array([str(_FIRST_DRUG_ID + 11 * place) for place in range(len(DRUGS) + 1)])
DRUG_UNITS = pa.array([drug.unit for drug in DRUGS] + ["tablet"])
