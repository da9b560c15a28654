"""Medicus's zips: full first, changes after, read where they lie, and nothing in them believed for being in a zip."""

import io
import shutil
import struct
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossing.errors import PersonMustAct
from crossing.manifest import read_manifest
from crossing.parcel import read_manifest_bytes
from crossing.policy import Policy, PolicyRefused, policy_folder
from source_zone.adapters.medicus_csv.adapter import MedicusCsv
from source_zone.adapters.reading import FileRefused
from source_zone.adapters.unpack import Unpacked
from source_zone.identified import IdentifiedBatch, ReadTally
from source_zone.release_practice import release_practice
from support.source_zone import SourceZone, a_practice, make_source_zone

PRACTICE = "Y99001"
DAYS = ("2026-09-02", "2026-09-03", "2026-09-04")
SECRET = "Snibbletwitch"
HEADERS: dict[str, Any] = Policy().table("fields/medicus_csv_headers.toml")
Rows = dict[str, list[dict[str, str]]]

PATIENT = {
    "uid": "p",
    "nhs_number": "999 054 8609",
    "family_name": SECRET,
    "sex": "Female",
    "date_of_birth": "1960-05-17",
    "registered_date": "2001-01-01",
    "registration_type": "Regular",
    "is_test_patient": "false",
    "is_confidential": "false",
}
ENTRY = {
    "uid": "o",
    "patient_uid": "p",
    "effective_date": "2024-03-01",
    "effective_date_precision": "day",
    "recorded_at": "2024-03-01 09:30:00",
    "snomed_concept_id": "195967001",
    "entry_type": "Observation",
    "text": SECRET,
    "is_confidential": "false",
}


def quoted(cell: str) -> str:
    escaped = cell.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if cell else ""


def texts(rows: Rows, *, full: bool = True) -> dict[str, str]:
    """The text of every file of a zip, most of them only a header."""
    made = {}
    for table, versions in HEADERS.items():
        columns = versions["full"]["columns"] if full else versions["delta"]
        lines = [",".join(quoted(row.get(name, "")) for name in columns) for row in rows.get(table, [])]
        made[f"{table}.csv"] = "\n".join([",".join(columns), *lines]) + "\n"
    return made


def path_of(zone: SourceZone, day: str = DAYS[0]) -> Path:
    zone.deliveries.mkdir(parents=True, exist_ok=True)
    return zone.deliveries / f"{PRACTICE}-medicus-test-extract-{day}.zip"


def pack(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


@pytest.fixture
def zone(tmp_path: Path) -> SourceZone:
    return make_source_zone(tmp_path)


def release(zone: SourceZone, day: str = DAYS[0]) -> dict[str, Any]:
    return release_practice(zone.release(day, a_practice(format_="medicus_csv")))


def deliver(zone: SourceZone, rows: Rows, day: int = 0, *, full: bool | None = None) -> dict[str, Any]:
    pack(path_of(zone, DAYS[day]), texts(rows, full=day == 0 if full is None else full))
    return release(zone, DAYS[day])


def batches(zone: SourceZone) -> list[IdentifiedBatch]:
    adapter, tally = MedicusCsv(PRACTICE, Policy()), ReadTally()
    return [each for extract in adapter.find_extracts(zone.deliveries) for each in adapter.read(extract, tally)]


def row(zone: SourceZone, table: str, cells: dict[str, str], file: str = "") -> dict[str, Any]:
    """What the adapter makes of one row."""
    pack(path_of(zone), texts({file or table: [cells]}))
    return next(each for each in batches(zone) if each.table == table).rows.to_pylist()[0]


def counts(zone: SourceZone, outcome: dict[str, Any]) -> Any:
    return read_manifest(read_manifest_bytes(zone.settings.outbox / outcome["parcels"][-1])[0])


# What a row becomes


def test_a_row_goes_where_policy_says(zone: SourceZone) -> None:
    made = row(
        zone,
        "observation",
        {**ENTRY, "value": "5.2", "original_code": "9Nu0.", "original_code_system": "Read v2"},
        "coded_entry",
    )
    filled = {name: cell for name, cell in made.items() if cell is not None}
    assert {name: str(cell) for name, cell in filled.items()} == {
        "record_id": "o",
        "registration_id": "p",
        "is_deleted": "False",
        "effective_date": "2024-03-01",
        "effective_date_precision": "day",
        "recorded_at": "2024-03-01 09:30:00",
        "snomed_concept_id": "195967001",
        "read_v2_code": "9Nu0.",
        "observation_type": "observation",
        "value": "5.2",
        "is_confidential": "False",
    }


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"effective_date": "1.3.2024"}, "unreadable_date"),
        ({"recorded_at": "yesterday"}, "unreadable_date"),
        ({"value": "about 5"}, "unreadable_number"),
        ({"original_code": "9Nu0.", "original_code_system": "Read 5"}, "unknown_code"),
        ({"original_code": "9Nu0.", "original_code_system": ""}, "unknown_code"),
        ({"snomed_concept_id": ""}, "uncoded_entry"),
        ({}, None),
    ],
)
def test_what_cannot_be_read_is_a_fault(zone: SourceZone, cells: dict[str, str], fault: str | None) -> None:
    assert row(zone, "observation", {**ENTRY, **cells}, "coded_entry")["fault"] == fault


def test_a_code_of_an_unknown_system_is_still_looked_at(zone: SourceZone) -> None:
    cells = {**ENTRY, "original_code": "9Nu0.", "original_code_system": "Vision", "other_codes": "X1 X2"}
    assert row(zone, "observation", cells, "coded_entry")["further_codes"] == "X1 X2 9Nu0."
    dissent = {**ENTRY, "original_code": "9Nu0.", "original_code_system": "Vision"}
    assert deliver(zone, {"patient": [PATIENT], "coded_entry": [dissent]})["patients_held_back"] == {
        "type_one_opt_out": 1
    }


@pytest.mark.parametrize("patient", ["P", " p", "{p}"])
def test_a_dissent_whose_patient_is_spelt_otherwise_is_that_patients(zone: SourceZone, patient: str) -> None:
    dissent = {**ENTRY, "patient_uid": patient, "original_code": "9Nu0.", "original_code_system": "Read v2"}
    held = deliver(zone, {"patient": [PATIENT], "coded_entry": [dissent]})["patients_held_back"]
    assert held == {"type_one_opt_out": 1}


def test_quotes_backslashes_commas_and_lines_within_a_cell_move_nothing(zone: SourceZone) -> None:
    nasty = {**ENTRY, "term": 'a "b", \\c\\', "text": 'line\nline, "quoted" \\"'}
    made = row(zone, "observation", nasty, "coded_entry")
    assert (made["record_id"], made["observation_type"], made["fault"]) == ("o", "observation", None)


@pytest.mark.parametrize("mark", ["", "true", "maybe"])
def test_a_patient_or_entry_that_may_be_confidential_stays(zone: SourceZone, mark: str) -> None:
    rows = {"patient": [PATIENT], "coded_entry": [{**ENTRY, "is_confidential": mark}]}
    assert deliver(zone, rows)["held_back"] == {"confidential_record": 1}
    outcome = deliver(zone, {"patient": [{**PATIENT, "is_confidential": mark, "change_type": "updated"}]}, 1)
    assert outcome["patients_held_back"] == {"confidential_patient": 1}


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("file", HEADERS)
def test_every_file_gives_its_rows(zone: SourceZone, file: str, full: bool) -> None:
    rows = [{"uid": f"{n}", "change_type": "added"} for n in range(3)]
    pack(path_of(zone), texts({}))
    pack(path_of(zone, DAYS[1]), texts({file: rows}, full=full))
    made = [each.rows.column("record_id").to_pylist() for each in batches(zone)]
    assert made == [["0", "1", "2"]]


# Changes


def test_a_delta_says_what_happened_to_each_row(zone: SourceZone) -> None:
    assert deliver(zone, {"patient": [PATIENT], "coded_entry": [ENTRY]})["sent"] == 2
    removed = {"uid": "o", "patient_uid": "p", "change_type": "removed"}
    added = {**ENTRY, "uid": "new", "change_type": "added"}
    outcome = deliver(zone, {"coded_entry": [removed, added]}, 1)
    assert (outcome["sent"], outcome["deleted"]) == (2, {"observation": 1})


@pytest.mark.parametrize("word", ["", "moved", "Removed"])
def test_a_row_of_which_nobody_can_say_what_happened_to_it_stays(zone: SourceZone, word: str) -> None:
    deliver(zone, {"patient": [PATIENT]})
    assert deliver(zone, {"coded_entry": [{**ENTRY, "change_type": word}]}, 1)["quarantined"] == {"unreadable_flag": 1}


def test_the_first_extract_must_be_full(zone: SourceZone) -> None:
    with pytest.raises(FileRefused, match="the first extract taken of a practice must be a full one"):
        deliver(zone, {"patient": [{**PATIENT, "change_type": "added"}]}, full=False)


def test_full_extracts_are_told_from_changes(zone: SourceZone) -> None:
    assert counts(zone, deliver(zone, {"patient": [PATIENT]})).extract_kind == "snapshot"
    assert counts(zone, deliver(zone, {}, 1)).extract_kind == "delta"
    assert counts(zone, deliver(zone, {"patient": [PATIENT]}, 2, full=True)).extract_kind == "snapshot"


def test_a_zip_partly_full_and_partly_changes_is_refused(zone: SourceZone) -> None:
    mixed = {**texts({}), "problem.csv": texts({}, full=False)["problem.csv"]}
    pack(path_of(zone), mixed)
    with pytest.raises(FileRefused, match="neither full nor changes"):
        release(zone)


# Zips that cannot be trusted


def spoilt(zone: SourceZone) -> dict[str, str]:
    return texts({"patient": [PATIENT], "coded_entry": [{**ENTRY, "uid": f"o{n}"} for n in range(500)]})


def without_a_table(path: Path, members: dict[str, str]) -> None:
    pack(path, {name: text for name, text in members.items() if name != "recall.csv"})


def with_a_stranger(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, f"{SECRET.lower()}.csv": "a\n"})


def in_a_folder(path: Path, members: dict[str, str]) -> None:
    pack(path, {f"extract/{name}": text for name, text in members.items()})


def out_of_the_folder(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, f"../../{SECRET}.csv": "a\n"})


def an_absolute_path(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, f"/etc/{SECRET}": "a\n"})


def bomb(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, "recall.csv": members["recall.csv"] + "\n" * 20_000_000})


def member_twice(path: Path, members: dict[str, str]) -> None:
    pack(path, members)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("recall.csv", members["recall.csv"])


def other_packing(path: Path, members: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def encrypted(path: Path, members: dict[str, str]) -> None:
    data = bytearray(pack(path, members).read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 8] |= 1
    path.write_bytes(data)


def cut(path: Path, members: dict[str, str]) -> None:
    whole = pack(path, members).read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])


def flipped(path: Path, members: dict[str, str]) -> None:
    """One bit of the checksum of the coded entries."""
    data = bytearray(pack(path, members).read_bytes())
    place = data.rindex(b"coded_entry.csv") - 46
    data[place + 16] ^= 1
    path.write_bytes(data)


def claims_less(path: Path, members: dict[str, str]) -> None:
    data = bytearray(pack(path, members).read_bytes())
    place = data.rindex(b"coded_entry.csv") - 46
    size = struct.unpack_from("<I", data, place + 24)[0]
    struct.pack_into("<I", data, place + 24, size - 30)
    path.write_bytes(data)


def no_last_line(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, "coded_entry.csv": members["coded_entry.csv"].removesuffix("\n")})


def empty_member(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, "coded_entry.csv": ""})


def extra_column(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, "staff.csv": "uid,name,job_category_code,home_address\n"})


def no_header(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, "coded_entry.csv": members["coded_entry.csv"].split("\n", 1)[1]})


def short_row(path: Path, members: dict[str, str]) -> None:
    pack(path, {**members, "coded_entry.csv": members["coded_entry.csv"] + f'"{SECRET}","x"\n'})


def latin_1(path: Path, members: dict[str, str]) -> None:
    pack(path, members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text.replace("Regular", "Régular").encode("latin-1"))


def spreadsheet(path: Path, members: dict[str, str]) -> None:
    pack(path, {name: text.replace("195967001", "8.27E+14") for name, text in members.items()})


def not_a_zip(path: Path, members: dict[str, str]) -> None:
    path.write_text(SECRET)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (without_a_table, "recall.csv missing; a table without changes still has its header"),
        (with_a_stranger, "1 of its 14 members are no table"),
        (in_a_folder, "13 of its 13 members are no table"),
        (out_of_the_folder, "1 of its 14 members are no table"),
        (an_absolute_path, "1 of its 14 members are no table"),
        (bomb, "claims to unpack to far more"),
        (member_twice, "comes twice"),
        (other_packing, "comes twice, overlaps another, is encrypted"),
        (encrypted, "is encrypted"),
        (cut, "is no whole zip"),
        (flipped, "coded_entry.csv"),
        (claims_less, "coded_entry.csv"),
        (no_last_line, "coded_entry.csv: the last line has no end"),
        (empty_member, "coded_entry.csv, line 1: is no header"),
        (extra_column, r"column number 4 \(home_address\) is not in policy"),
        (no_header, "column number 1 is not in policy"),
        (short_row, "coded_entry.csv, row 502: a row has too few or too many columns"),
        (latin_1, "patient.csv: the text is not UTF-8"),
        (spreadsheet, "went through a spreadsheet"),
        (not_a_zip, "is no whole zip"),
    ],
)
def test_a_spoilt_zip_stops_the_practice_and_nothing_of_it_is_said(zone: SourceZone, spoil: Any, says: str) -> None:
    spoil(path_of(zone), spoilt(zone))
    with pytest.raises(PersonMustAct, match=says) as refused:
        release(zone)
    message = str(refused.value)
    assert SECRET.lower() not in message.lower()
    assert "\n" not in message
    assert refused.value.__cause__ is None
    assert not zone.settings.outbox.exists() or not list(zone.settings.outbox.iterdir())
    assert {path.name for path in zone.root.iterdir()} <= {"incoming", "keys", "memory", "spool"}
    assert not list(zone.settings.spool.rglob("*.spool"))
    assert list(zone.deliveries.iterdir()) == [path_of(zone)]


@pytest.mark.parametrize(
    "name",
    [
        "Y99002-medicus-test-extract-2026-09-02.zip",
        "Y99001-medicus-test-extract-2026-13-02.zip",
        "Y99001-extract-2026-09-02.zip",
        f"{SECRET}.zip",
        f"Y99001-medicus-{SECRET}-2026-09-02.zip",
        "Y99001-medicus-full-extract-2026-09-02.zip",
    ],
)
def test_a_zip_of_another_name_practice_or_second_of_its_day_is_refused(zone: SourceZone, name: str) -> None:
    pack(path_of(zone), texts({}))
    pack(zone.deliveries / name, texts({}))
    with pytest.raises(FileRefused) as refused:
        release(zone)
    assert SECRET not in str(refused.value)


def test_what_is_still_arriving_is_not_looked_at(zone: SourceZone) -> None:
    (path_of(zone).parent / ".half.zip.part").write_text("x")
    assert deliver(zone, {"patient": [PATIENT]})["sent"] == 1


def test_an_empty_folder_is_not_an_empty_night(zone: SourceZone) -> None:
    zone.deliveries.mkdir(parents=True)
    with pytest.raises(FileRefused, match="no zip in its folder"):
        release(zone)


# The map


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("medicus_csv_map.toml", 'Male = "male"', 'Male = "man"', "sex"),
        ("medicus_csv_map.toml", 'table = "recall"', 'table = "recalls"', "recall"),
        ("medicus_csv_map.toml", 'why = "Recalls."', 'why = ""', "recall"),
        ("medicus_csv_map.toml", "always = { intent", "always = { intention", "medication"),
        ("medicus_csv.toml", 'to = "range_low"', 'to = "range_high"', "coded_entry"),
        ("medicus_csv.toml", 'to = "is_active"', 'to = "activity"', "recall"),
    ],
)
def test_a_map_that_leads_nowhere_or_twice_to_one_place_stops_everything(
    tmp_path: Path, file: str, old: str, new: str, says: str
) -> None:
    shutil.copytree(policy_folder(), tmp_path / "policy")
    path = tmp_path / "policy" / "fields" / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    zone = make_source_zone(tmp_path / "zone", tmp_path / "policy")
    with pytest.raises(PolicyRefused, match=says):
        deliver(zone, {"patient": [PATIENT]})


# Whatever comes


def rows_or_refusal(zone: SourceZone) -> tuple[list[Any] | None, str]:
    try:
        return [each.rows.to_pylist() for each in batches(zone)], ""
    except FileRefused as refused:
        return None, str(refused)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=400))
def test_arbitrary_bytes_for_a_zip_are_refused(zone: SourceZone, content: bytes) -> None:
    path_of(zone).write_bytes(content)
    with pytest.raises(FileRefused, match=r"is no whole zip|still has its header"):
        batches(zone)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), table=st.sampled_from(["patient", "coded_entry"]))
def test_arbitrary_bytes_after_a_header_are_rows_or_refused(zone: SourceZone, content: bytes, table: str) -> None:
    members = {name: text.encode() for name, text in texts({}).items()}
    members[f"{table}.csv"] += content
    with zipfile.ZipFile(path_of(zone), "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    made, said = rows_or_refusal(zone)
    assert (made is None) != (said == "")
    assert content.decode("latin-1") not in said or len(content) < 8


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(min_value=0), byte=st.integers(0, 255))
def test_one_byte_changed_anywhere_never_gives_other_rows(zone: SourceZone, place: int, byte: int) -> None:
    data = bytearray(pack(path_of(zone), spoilt(zone)).read_bytes())
    before, _ = rows_or_refusal(zone)
    data[place % len(data)] = byte
    path_of(zone).write_bytes(data)
    after, said = rows_or_refusal(zone)
    assert before
    assert after in (before, None)
    assert SECRET not in said


@settings(max_examples=80, deadline=None)
@given(
    cells=st.lists(
        st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=20),
        min_size=3,
        max_size=3,
    )
)
def test_whatever_a_cell_holds_it_is_read_as_it_was_written(cells: list[str]) -> None:
    from source_zone.adapters.reading import stream_text

    text = "a,b,c\n" + ",".join(quoted(each) for each in cells) + "\n"
    read = [
        each
        for batch in stream_text("x", lambda: io.BytesIO(text.encode()), ["a", "b", "c"], escape="\\")
        for each in batch.to_pylist()
    ]
    blank = not any(cells)
    assert blank or read == [{name: cell or None for name, cell in zip("abc", cells, strict=True)}]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=5_000),
    size=st.integers(1, 700),
    packing=st.sampled_from([0, 8]),
    times=st.integers(1, 60),
)
def test_a_member_unpacks_to_what_was_packed_in_pieces_of_the_size_asked_for(
    tmp_path: Path, content: bytes, size: int, packing: int, times: int
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", packing) as archive:
        archive.writestr("x", content * times)
    member = zipfile.ZipFile(tmp_path / "a.zip").getinfo("x")
    unpacked, pieces = Unpacked(tmp_path / "a.zip", member), []
    while piece := unpacked.read(size):
        pieces.append(piece)
    unpacked.close()
    assert b"".join(pieces) == content * times
    assert all(len(piece) == size for piece in pieces[:-1])
