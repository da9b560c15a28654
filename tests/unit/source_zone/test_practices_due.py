"""A practice is one row of policy: adding, ending or mistyping one needs no code, no restart, and harms no other."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crossing.policy import policy_folder
from source_zone.shards import practices_due, pull_shard
from support.emis_files import CODES, a_patient, write_extract
from support.source_zone import SourceZone, make_source_zone

HEAD = "practice_code,supplier,format,transport,connection,participates_from,participates_until,synthetic\n"


class Night:
    """A running source zone whose policy somebody edits."""

    def __init__(self, root: Path) -> None:
        self.policy = root / "policy"
        shutil.copytree(policy_folder(), self.policy)
        self.zone: SourceZone = make_source_zone(root, self.policy)
        self.rows: list[str] = []

    def add(self, code: str, *, way: str = "emis_csv,directory", start: str = "2026-09-01", end: str = "") -> None:
        self.rows.append(f"{code},EMIS,{way},{code},{start},{end},yes\n")
        (self.policy / "practices.csv").write_text(HEAD + "".join(self.rows))

    def deliver(self, code: str) -> None:
        rows = {"Admin_Patient": [a_patient("anne")], "Coding_ClinicalCode": CODES}
        write_extract(self.zone.settings.incoming / code, rows)

    def due(self) -> list[list[str]]:
        return practices_due("gpdpr", self.zone.settings)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def test_a_row_added_while_all_runs_is_due_the_next_time_anybody_asks(night: Night) -> None:
    night.add("Y99001")
    night.deliver("Y99001")
    assert night.due() == [["Y99001"]]
    night.add("Y99002")
    night.deliver("Y99002")
    assert night.due() == [["Y99001"], ["Y99002"]]


def test_a_practice_takes_part_from_its_first_day_to_its_last(night: Night) -> None:
    today = datetime.now(UTC).date()
    night.add("Y99001", start=str(today + timedelta(days=1)))
    night.add("Y99002", start=str(today), end=str(today))
    night.add("Y99003", end=str(today - timedelta(days=1)))
    for code in ("Y99001", "Y99002", "Y99003"):
        night.deliver(code)
    assert night.due() == [["Y99002"]]


@pytest.mark.parametrize("way", ["emis_csv,pigeon", "no_such_format,directory", "emis_csv,sftp"])
def test_a_row_that_cannot_be_followed_fails_alone_and_in_its_own_name(night: Night, way: str) -> None:
    night.add("Y99001")
    night.add("Y99002", way=way)
    night.deliver("Y99001")
    night.deliver("Y99002")
    assert night.due() == [["Y99001"], ["Y99002"]]
    results = pull_shard("gpdpr", ["Y99001", "Y99002"], "run", night.zone.settings)
    assert [each.get("state") for each in results] == [None, "failed"]
