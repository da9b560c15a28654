"""A real Airflow asks a steward about rows that were kept out, and does what the steward answers."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from central_zone import load_parcel
from support.quarantined import a_night_with_plans

CHECKOUT = Path(__file__).parents[3]
pytestmark = [pytest.mark.airflow, pytest.mark.rehearsal, pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_steward_who_answers_in_airflow_releases_discards_and_leaves(zone):
    parcel = zone.sealed(a_night_with_plans(both=(2,)))
    load_parcel.load_parcel(parcel.folder, zone.settings)
    answers = {
        "A12345: observation, dated_in_future?": "Release them",
        "A12345: observation, snomed_concept_shape?": "Discard them",
        "A12345: observation, dated_in_future and snomed_concept_shape?": "Leave them",
    }
    said = walked(zone, answers)
    assert said["asked"] == {
        "A12345: observation, dated_in_future?": ["Release them", "Discard them", "Leave them"],
        "A12345: observation, snomed_concept_shape?": ["Discard them", "Leave them"],
        "A12345: observation, dated_in_future and snomed_concept_shape?": ["Discard them", "Leave them"],
    }
    assert said["state"] == "success", said
    decided = zone.query("SELECT outcome, rows, decided_by, reason FROM quarantine.decision ORDER BY 1")
    assert decided == [("discarded", 1, "ada", "asked them"), ("released", 3, "ada", "asked them")]
    ended = [state for task, _, state in said["tasks"] if task.endswith("carry_out")]
    assert sorted(ended) == ["skipped", "success", "success"]


def walked(zone, answers):
    folders = os.pathsep.join(str(CHECKOUT / name) for name in ("include", "plugins", "tests"))
    with tempfile.TemporaryDirectory(prefix="gp-collect-quarantine-") as home:
        ran = subprocess.run(
            [sys.executable, "-m", "support.quarantine_walked", home, "A12345", json.dumps(answers)],
            env=os.environ | zone.environment() | {"PYTHONPATH": folders}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])
