"""A parcel is made under one policy: each step is a process of its own, and reads only what it needs of it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from crossing.policy import policy_folder
from simulator.simulate import simulate
from source_zone.release import Release, prepare
from source_zone.release_practice import decide_practice, pull_practice, seal_practice
from source_zone.seal_extracts import PolicyChanged
from support.source_zone import SourceZone, a_practice, make_source_zone

FORMATS = ("emis_csv", "tpp_csv", "gpdpr_xml", "medicus_csv", "fhir_r4", "gp_connect")


def a_zone(root: Path, format_name: str) -> SourceZone:
    shutil.copytree(policy_folder(), root / "policy")
    simulate(root / "incoming", format=format_name, practices=1, patients=20, entries_per_patient=10)
    return make_source_zone(root, root / "policy")


def a_step(zone: SourceZone, format_name: str) -> Release:
    """As a process of its own has it: nothing is known but what is on disk."""
    return prepare("gpdpr", replace(a_practice(), format=format_name), "run", zone.settings)


@pytest.mark.parametrize("format_name", FORMATS)
def test_steps_that_share_no_process_agree_on_their_policy(tmp_path: Path, format_name: str) -> None:
    zone = a_zone(tmp_path, format_name)
    pull_practice(a_step(zone, format_name))
    decide_practice(a_step(zone, format_name))
    assert seal_practice(a_step(zone, format_name))["state"] == "released"


def test_a_file_that_only_the_pull_reads_may_not_change_before_the_seal(tmp_path: Path) -> None:
    zone = a_zone(tmp_path, "gpdpr_xml")
    pull_practice(a_step(zone, "gpdpr_xml"))
    decide_practice(a_step(zone, "gpdpr_xml"))
    statements = tmp_path / "policy" / "gpdpr_xml_practices.csv"
    statements.write_text(statements.read_text() + "# seen again\n")
    with pytest.raises(PolicyChanged):
        seal_practice(a_step(zone, "gpdpr_xml"))
