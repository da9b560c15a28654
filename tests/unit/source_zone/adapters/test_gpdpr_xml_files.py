"""Which GPDPR files are taken and in what order, and what the supplier's report must say of them."""

import gzip
import json
from pathlib import Path

import pytest

from crossing.errors import PersonMustAct, TryAgain
from crossing.policy import Policy
from source_zone.adapters.gpdpr_xml.adapter import GpdprXml
from source_zone.adapters.gpdpr_xml.completeness_report import read_report
from source_zone.identified import Extract, ReadTally
from support.gpdpr_files import (
    CHANNEL,
    NIGHT_ONE,
    NIGHT_THREE,
    NIGHT_TWO,
    a_patient,
    document,
    element,
    extract_name,
    snapshot,
    uid,
    write_bytes,
    write_extract,
    write_report,
)

WHOLE = document(snapshot(a_patient("p"))).encode()


@pytest.fixture
def adapter() -> GpdprXml:
    return GpdprXml("Y99001", Policy(), "token-gpdpr-v1")


def take(adapter: GpdprXml, extract: Extract) -> GpdprXml:
    """The adapter of the next night."""
    tally = ReadTally()
    for _ in adapter.read(extract, tally):
        pass
    return GpdprXml(adapter.practice_code, adapter.policy, adapter.token_key_name, tally.remembered)


def test_files_of_one_time_stamp_are_one_extract_oldest_first(adapter: GpdprXml, tmp_path: Path) -> None:
    slot = ("appointment", {"id": "s"})
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_TWO, 2)
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 1, appointments=[slot], kind="snapshot")
    found = adapter.find_extracts(tmp_path)
    assert [each.extract_id for each in found] == [NIGHT_ONE, NIGHT_TWO]
    assert [len(each.files) for each in found] == [2, 1]
    assert [each.kind for each in found] == ["snapshot", "delta"]
    assert [each.supplier_record_count for each in found] == [2, 1]
    assert found[0].taken_at.isoformat() == "2026-09-02T01:00:00+00:00"


def test_a_file_that_comes_when_the_others_of_its_time_stamp_are_taken_is_an_extract_of_its_own(
    adapter: GpdprXml, tmp_path: Path
) -> None:
    """Also on the nights after, and when the files taken are gone."""
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 1)
    later = take(adapter, adapter.find_extracts(tmp_path)[0])
    slot = document(element(("appointment", {"id": "s"})))
    late = write_bytes(tmp_path, slot.encode(), extract_name(kind="APPT"))
    write_report(tmp_path, late, 1)
    before, now = later.find_extracts(tmp_path)
    assert [before.extract_id, now.extract_id] == [NIGHT_ONE, f"{NIGHT_ONE}-2"]
    assert (now.files, now.taken_at) == ((late,), before.taken_at)
    afterwards = take(later, now)
    assert [each.extract_id for each in afterwards.find_extracts(tmp_path)] == [NIGHT_ONE, f"{NIGHT_ONE}-2"]
    before.files[0].unlink()
    assert [each.extract_id for each in afterwards.find_extracts(tmp_path)] == [f"{NIGHT_ONE}-2"]


def test_a_mailbox_in_the_name_and_a_plain_file_are_taken_as_well(adapter: GpdprXml, tmp_path: Path) -> None:
    write_bytes(tmp_path, WHOLE, extract_name().replace(".dat.gz", "_X26HC005.dat.gz"))
    (tmp_path / extract_name(NIGHT_TWO, 2).replace(".dat.gz", ".xml")).write_bytes(WHOLE)
    assert len(adapter.find_extracts(tmp_path)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "Surname 9990548609.dat.gz",
        "GPDRP_PAT_EXTRACT_1_2_3.dat.gz",
        extract_name("20261302010000"),
        extract_name().replace("PAT_EXTRACT", "OTHER"),
        extract_name().replace(".dat.gz", "_X9990548609.dat.gz"),
    ],
)
def test_a_file_not_named_as_agreed_stops_the_practice_and_its_name_is_not_repeated(
    adapter: GpdprXml, tmp_path: Path, name: str
) -> None:
    write_bytes(tmp_path, WHOLE, name)
    with pytest.raises(PersonMustAct) as refused:
        adapter.find_extracts(tmp_path)
    assert "Surname" not in str(refused.value)
    assert "9990548609" not in str(refused.value)


def test_an_empty_or_missing_folder_is_never_an_empty_night(adapter: GpdprXml, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(PersonMustAct, match=r"[Aa]sk the supplier"):
            adapter.find_extracts(folder)


def test_a_missing_number_of_a_channel_is_named(adapter: GpdprXml, tmp_path: Path) -> None:
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 1)
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_THREE, 3)
    with pytest.raises(PersonMustAct, match=f"channel {CHANNEL}: number 2 is missing, and number 3 is there"):
        adapter.find_extracts(tmp_path)


def test_a_channel_begins_with_number_one(adapter: GpdprXml, tmp_path: Path) -> None:
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 2)
    with pytest.raises(PersonMustAct, match="number 1 is missing"):
        adapter.find_extracts(tmp_path)


def test_what_was_taken_is_remembered_also_when_the_files_are_gone(adapter: GpdprXml, tmp_path: Path) -> None:
    first, _ = write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 1, appointments=[("appointment", {"id": "s"})])
    later = take(adapter, adapter.find_extracts(tmp_path)[0])
    for path in tmp_path.iterdir():
        path.unlink()
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_TWO, 2)
    assert [each.extract_id for each in later.find_extracts(tmp_path)] == [NIGHT_TWO]
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_THREE, 4)
    with pytest.raises(PersonMustAct, match="number 3 is missing"):
        later.find_extracts(tmp_path)
    assert not first.exists()


def test_another_channel_goes_on(adapter: GpdprXml, tmp_path: Path) -> None:
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 1)
    other = write_bytes(tmp_path, WHOLE, extract_name(NIGHT_TWO, 1, channel=uid("another channel")))
    write_report(tmp_path, other, 1)
    later = take(adapter, adapter.find_extracts(tmp_path)[0])
    assert take(later, later.find_extracts(tmp_path)[1])


def test_the_numbers_of_a_channel_are_in_the_order_of_its_time_stamps(adapter: GpdprXml, tmp_path: Path) -> None:
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_TWO, 1)
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 2)
    with pytest.raises(PersonMustAct, match="older time stamp"):
        adapter.find_extracts(tmp_path)


@pytest.mark.parametrize("taken_before", [True, False])
@pytest.mark.runbook("ChannelBroken")
def test_a_number_that_comes_again_must_be_the_same_and_is_not_taken_twice(
    adapter: GpdprXml, tmp_path: Path, taken_before: bool
) -> None:
    write_extract(tmp_path, [[a_patient("p")]], NIGHT_ONE, 1)
    if taken_before:
        adapter = take(adapter, adapter.find_extracts(tmp_path)[0])
    again = write_bytes(tmp_path, WHOLE, extract_name(NIGHT_TWO, 1))
    tally = ReadTally()
    assert [*adapter.read(adapter.find_extracts(tmp_path)[1], tally)] == []
    assert tally.not_collected["repeated_submission"] == 1
    again.write_bytes(gzip.compress(document(snapshot(a_patient("q"))).encode()))
    with pytest.raises(PersonMustAct, match="number 1 came twice, and the two differ"):
        adapter.find_extracts(tmp_path)


@pytest.mark.runbook("ReportMissing")
def test_without_a_report_the_practice_waits(adapter: GpdprXml, tmp_path: Path) -> None:
    write_bytes(tmp_path, WHOLE)
    extract = adapter.find_extracts(tmp_path)[0]
    assert (extract.kind, extract.supplier_record_count) == ("delta", None)
    with pytest.raises(TryAgain, match="no completeness report"):
        take(adapter, extract)


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.runbook("NotComplete")
def test_a_count_that_differs_from_the_report_stops_the_practice(adapter: GpdprXml, tmp_path: Path, count: int) -> None:
    write_report(tmp_path, write_bytes(tmp_path, WHOLE), count)
    with pytest.raises(PersonMustAct, match=f"holds 1 rows, and its report counts {count}"):
        take(adapter, adapter.find_extracts(tmp_path)[0])


def test_a_report_that_leaves_the_practice_out_of_those_that_take_part_stops_it(
    adapter: GpdprXml, tmp_path: Path
) -> None:
    write_report(tmp_path, write_bytes(tmp_path, WHOLE), 1, participation_list=["Y99002"])
    with pytest.raises(PersonMustAct, match="takes no part"):
        adapter.find_extracts(tmp_path)


def test_reports_that_contradict_each_other_stop_the_practice(adapter: GpdprXml, tmp_path: Path) -> None:
    path = write_bytes(tmp_path, WHOLE)
    write_report(tmp_path, path, 1)
    write_report(tmp_path, path, 1, kind="recon")
    with pytest.raises(PersonMustAct, match="in another way"):
        adapter.find_extracts(tmp_path)


def test_two_kinds_under_one_time_stamp_stop_the_practice(adapter: GpdprXml, tmp_path: Path) -> None:
    write_report(tmp_path, write_bytes(tmp_path, WHOLE), 1, kind="recon")
    write_report(tmp_path, write_bytes(tmp_path, WHOLE, extract_name(kind="APPT")), 1, kind="delta")
    with pytest.raises(PersonMustAct, match="several kinds"):
        adapter.find_extracts(tmp_path)


@pytest.mark.parametrize("change", [{"surprise": "Surname"}, {"status": 7}, {"expected_submissions": None}])
def test_a_report_with_other_fields_is_refused_and_nothing_of_it_repeated(tmp_path: Path, change: dict) -> None:
    path = write_report(tmp_path, write_bytes(tmp_path, WHOLE), 1)
    path.write_text("\n" + json.dumps({**json.loads(path.read_text()), **change}) + "\n")
    with pytest.raises(PersonMustAct, match="line 2: not a completeness report") as refused:
        read_report(path)
    assert "urname" not in str(refused.value)


def test_a_kind_nobody_knows_stops_the_practice(adapter: GpdprXml, tmp_path: Path) -> None:
    write_report(tmp_path, write_bytes(tmp_path, WHOLE), 1, kind="everything")
    with pytest.raises(PersonMustAct, match="delta"):
        adapter.find_extracts(tmp_path)
