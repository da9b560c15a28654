"""Errors of the source that nights bring about seldom or never: each is told, and says whose move it is."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from crossing.policy import Policy
from source_zone.adapters.choose import FORMATS, FormatUnknown, choose_adapter
from source_zone.adapters.gpdpr_xml.snapshot import SnapshotMixed, settle
from source_zone.backfill import NotTakingPart, practices_to_backfill
from source_zone.bridge_practices import NotAllBridgedYet, check_all_bridged
from source_zone.memory import Memory
from source_zone.national_opt_outs.local_ids import LocalIds, TooManyRequests
from source_zone.pull import NothingToTake
from source_zone.release_practice import pull_practice, release_practice
from source_zone.shards import PracticesNotReady, pull_shard
from source_zone.transports.bulk_download import BulkDownload, LinkExpired
from source_zone.transports.choose import TRANSPORTS, TransportUnknown, choose_transport
from source_zone.transports.directory import FolderMissing, folder_of
from support.emis_files import Rows, a_patient, write_extract
from support.source_zone import SourceZone, a_practice, make_source_zone

MORNING = datetime(2026, 9, 2, 6, tzinfo=UTC)


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def test_a_format_that_nobody_reads_names_those_there_are() -> None:
    with pytest.raises(FormatUnknown, match=", ".join(FORMATS)):
        choose_adapter(a_practice(format_="microfiche"), Policy(), Memory(), "gpdpr-v1")


def test_a_way_in_that_nobody_wrote_names_those_there_are(zone: SourceZone) -> None:
    practice = replace(a_practice(), transport="pigeon")
    with pytest.raises(TransportUnknown, match=", ".join(TRANSPORTS)):
        choose_transport(practice, "gpdpr", zone.settings, Policy())


def test_a_folder_that_is_not_there_is_no_empty_night(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing, match="Ask the supplier to deliver"):
        folder_of(a_practice(), tmp_path)


def test_a_day_has_9999_requests_and_the_next_has_as_many(tmp_path: Path) -> None:
    ids = LocalIds(tmp_path, "X26HC001")
    (tmp_path / "local_ids").write_text("020926 9999")
    with pytest.raises(TooManyRequests, match="Raise largest_request"):
        ids.new(_KnowsNothing(), MORNING)
    assert ids.new(_KnowsNothing(), MORNING.replace(day=3)) == "X26HC001-030926-0001"


class _KnowsNothing:
    """A mailbox that has sent nothing."""

    def find_sent(self, _local_id: str) -> None:
        return None


def test_whoever_has_been_taken_has_nothing_to_take(zone: SourceZone) -> None:
    write_extract(zone.deliveries, Rows(patients=[a_patient("p")]), "20260902010000")
    release_practice(zone.release())
    with pytest.raises(NothingToTake, match="every delivery has been taken already"):
        pull_practice(zone.release("another"))


def test_a_shard_whose_practices_only_wait_is_tried_again(zone: SourceZone) -> None:
    """One that is busy is nobody's move, and neither is the shard."""
    release = zone.release()
    zone.deliveries.mkdir(parents=True)
    with release.memory_file().lock(), pytest.raises(PracticesNotReady):
        pull_shard("gpdpr", [release.practice.practice_code], "another", zone.settings)


@pytest.mark.parametrize(
    ("patients", "rows"),
    [
        ([{"id": "one"}], [{"registration_id": "two"}]),
        ([{"id": "one"}, {"id": "two"}], [{}]),
    ],
)
def test_a_snapshot_of_several_people_is_nobodys(patients: list[Any], rows: list[Any]) -> None:
    with pytest.raises(SnapshotMixed):
        settle([*(("patient", each) for each in patients), *(("observation", each) for each in rows)])


def test_nothing_old_is_collected_of_whoever_takes_no_part(zone: SourceZone) -> None:
    policy = zone.root / "policy"
    policy.mkdir()
    header, *_ = [line for line in (Policy().folder / "practices.csv").read_text().splitlines() if line[:1] != "#"]
    (policy / "practices.csv").write_text(f"{header}\nY99001,EMIS,emis_csv,directory,Y99001,2999-09-01,,yes\n")
    with pytest.raises(NotTakingPart, match="Y99001 takes no part today"):
        practices_to_backfill(["Y99001"], replace(zone.settings, policy_folder=policy))


def test_whoever_only_waits_to_be_bridged_is_tried_again() -> None:
    said = {"failed": {"Y99001": "PracticeBusy: it is being collected"}, "a_person_must_act": False}
    with pytest.raises(NotAllBridgedYet, match="Y99001"):
        check_all_bridged(said)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_link_that_no_longer_works_is_asked_for_anew(tmp_path: Path, status: int) -> None:
    download = BulkDownload(_AnswersWith(status), tmp_path, with_token=False, progress=lambda _: None)
    with pytest.raises(LinkExpired, match=f"HTTP {status}"):
        download.file({"url": "https://server.invalid/1", "type": "Patient"}, "Patient.ndjson")


@dataclass(frozen=True, slots=True)
class _AnswersWith:
    """A server that answers every request alike."""

    status: int
    where: str = "bulk_fhir"

    def file(self, _url: str, **_others: Any) -> Any:
        return _Answer(httpx.Response(self.status))


@dataclass(frozen=True, slots=True)
class _Answer:
    answer: httpx.Response

    def __enter__(self) -> httpx.Response:
        return self.answer

    def __exit__(self, *_error: object) -> None:
        return None
