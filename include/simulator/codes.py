"""The codes of the synthetic records, ready for use by the thousand.

Which codes a rule is about (opt-out, restricted) is written here a second time, on
purpose: a test compares them with policy, so neither can drift unseen.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import pyarrow as pa

from simulator.check_digits import made_up_snomed_id
from simulator.concepts import CONCEPTS
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
    DISSENT_SPELT_OTHERWISE = 19  # as suppliers and spreadsheets have written it; in generated histories only
    WITHDRAWAL_SPELT_OTHERWISE = 20


OBSERVATION_TYPES = (
    *("Observation", "Value", "Investigation", "Test Request", "Family History", "Annotation", "Document"),
    *("Referral", "Problem", "Immunisation", "Allergy"),
)


@dataclass(frozen=True, slots=True)
class ClinicalCode:
    """One row of the code table. `low` and `high` bound most values; `unit` goes with them."""

    role: Role
    snomed: str
    read: str
    term: str
    low: float = 0
    high: float = 0
    unit: str = ""


def _parsed(line: str) -> ClinicalCode:
    role, snomed, read, term, *measure = line.split("|")
    low, high, unit = measure or ("0", "0", "")
    return ClinicalCode(Role[role.upper()], snomed, read, term, float(low), float(high), unit)


CODES = tuple(_parsed(line) for line in CONCEPTS.strip().splitlines())
ROLES = np.array([code.role for code in CODES])
LOWS = np.array([code.low for code in CODES])
HIGHS = np.array([code.high for code in CODES])
UNITS = pa.array([code.unit for code in CODES])


_PLACES = {role: np.flatnonzero(role == ROLES) for role in Role}


def of_role(role: Role) -> Numbers:
    """The places in CODES of the codes used for something."""
    return _PLACES[role]


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
