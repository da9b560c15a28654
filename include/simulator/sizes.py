"""How many rows each patient has: skewed, so that a few have thousands."""

import numpy as np

from simulator.draws import Draws, Numbers

# Shares of a patient's entries. Problems and referrals are about observations; codes of both are observations too.
SHARES = {
    "observation": 0.52,
    "issue": 0.20,
    "consultation": 0.12,
    "slot": 0.07,
    "drug": 0.03,
    "problem": 0.02,
    "diary": 0.02,
    "referral": 0.01,
}
OPENING_OBSERVATIONS = 2  # ethnicity and sexual orientation
_SPREAD = 0.9  # of the logarithm of how much is written about a patient
_MOST = 12.0
_NEWCOMERS_SHARE = 0.05  # of a history that comes along with a new patient


def entries(draws: Draws, patients: int, newcomers: int, entries_per_patient: int) -> dict[str, Numbers]:
    """Rows a patient, for each kind of entry; newcomers stand after the patients of the first night."""
    who = np.arange(patients + newcomers)
    activity = np.minimum(np.exp(_SPREAD * _normal(draws, who) - _SPREAD**2 / 2), _MOST)
    activity[patients:] *= _NEWCOMERS_SHARE
    counts = {
        kind: np.floor(share * entries_per_patient * activity + draws.share(f"count {kind}", who)).astype(np.int64)
        for kind, share in SHARES.items()
    }
    counts["observation"] += counts["problem"] + counts["referral"] + OPENING_OBSERVATIONS
    return counts


def _normal(draws: Draws, who: Numbers) -> Numbers:
    """Box and Muller's transformation."""
    radius = np.sqrt(-2 * np.log1p(-draws.share("activity radius", who)))
    return np.asarray(radius * np.cos(2 * np.pi * draws.share("activity angle", who)))
