"""Three nights of eight small practices, made once."""

from pathlib import Path

import pytest

from simulator.simulate import simulate

NIGHTS = 3
HEADER_CHANGES_AT, HEADER_CHANGES_ON = 3, 2


@pytest.fixture(scope="session")
def three_nights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Practice 8 is cut off on night 1, practice 3 has another header on night 2; both come again the night after."""
    out = tmp_path_factory.mktemp("simulated")
    for night in range(1, NIGHTS + 1):
        changed = HEADER_CHANGES_AT if night == HEADER_CHANGES_ON else None
        simulate(out, practices=8, patients=100, entries_per_patient=40, night=night, changed_header=changed)
    return out


@pytest.fixture(scope="session")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Night 1 of the same practices, as it was before night 2 repaired anything."""
    out = tmp_path_factory.mktemp("first-night")
    simulate(out, practices=8, patients=100, entries_per_patient=40)
    return out
