"""A short form of `make kills`: both zones at work over several formats, and processes killed at any moment.

The long one, of 1,000 kills, and what it came to: docs/reliability.md.
"""

from pathlib import Path

import pytest

from support.forked import ForkServer
from support.nights_of_kills import killed_nights
from support.postgres import Postgres

pytestmark = pytest.mark.rehearsal
KILLS = 20


def test_killed_at_any_moment_no_row_is_lost_none_is_there_twice_and_every_parcel_is_answered(
    tmp_path: Path, postgres: Postgres, forks: ForkServer
) -> None:
    said = killed_nights(tmp_path, postgres, forks, kills=KILLS, seed=20, gap=0.3)
    assert said["kills"] == KILLS
    assert said["loaded"] > 0
