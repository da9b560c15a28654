"""A clean verdict needs every control found; surfaces that prove nothing are failures."""

import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from leak_search.needles import needles_for
from leak_search.processes import Processes
from leak_search.search import search
from leak_search.surfaces import CONTENTS, Allowed, Folder, Kept, Piece

VALUE = "Zorblatt-4711"
NEEDLES = needles_for("surname of anne", VALUE)


class Faulty:
    """A surface that goes wrong in one way or another."""

    name = "faulty"

    def __init__(self, pieces: list[Piece] | None = None, refuses: bool = False) -> None:
        self.gives, self.refuses, self.withdrawn = pieces or [], refuses, False

    def plant(self, control: str) -> set[str]:
        if self.refuses:
            raise PermissionError(f"may not write {VALUE}")
        return {CONTENTS}

    def pieces(self) -> Iterator[Piece]:
        yield from self.gives

    def withdraw(self) -> None:
        self.withdrawn = True


def a_folder(root: Path, **files: str) -> Folder:
    for name, content in files.items():
        (root / name).write_text(content)
    return Folder("folder", root)


def test_a_clean_folder_is_clean_and_left_as_it_was(tmp_path: Path) -> None:
    findings = search(NEEDLES, [a_folder(tmp_path, log="nothing here")])
    assert findings.are_clean
    assert findings.searched["folder"].pieces == 2  # a name and its contents
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_a_hit_tells_label_encoding_surface_and_place(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / ".hidden").write_text(f"twice {VALUE} {VALUE}")
    (hit,) = search(NEEDLES, [Folder("folder", tmp_path)]).hits
    assert (hit.label, hit.encoding, hit.surface, hit.place, hit.times) == (
        "surname of anne", "plain", "folder", "deep/.hidden", 2,
    )  # fmt: skip


def test_file_names_are_searched_and_not_repeated(tmp_path: Path) -> None:
    findings = search(NEEDLES, [a_folder(tmp_path, **{f"{VALUE}.csv": "fine"})])
    assert [hit.place for hit in findings.hits] == ["‹hidden›.csv"]
    assert VALUE not in "".join(findings.lines()) + repr(findings)


def test_names_of_folders_and_where_links_lead(tmp_path: Path) -> None:
    (tmp_path / f"of {VALUE}").mkdir()
    (tmp_path / "link").symlink_to(f"/somewhere/{VALUE}")
    assert len(search(NEEDLES, [Folder("folder", tmp_path)]).hits) == 2


def test_an_empty_surface_counts_as_unsearched(tmp_path: Path) -> None:
    findings = search(NEEDLES, [Folder("folder", tmp_path)])
    assert findings.unsearched == {"folder": ["there is nothing in it"]}
    assert not findings.are_clean


def test_a_folder_that_is_not_there_counts_as_unsearched(tmp_path: Path) -> None:
    findings = search(NEEDLES, [Folder("folder", tmp_path / "gone")])
    assert not findings.are_clean


def test_a_surface_whose_control_is_not_found_counts_as_unsearched() -> None:
    surface = Faulty()
    findings = search(NEEDLES, [surface])
    assert "the control planted in its contents was not found" in findings.unsearched["faulty"]
    assert surface.withdrawn


def test_where_no_control_can_be_planted_nothing_is_proved_and_nothing_quoted() -> None:
    findings = search(NEEDLES, [Faulty(refuses=True)])
    assert findings.unsearched == {"faulty": ["it could not be searched to its end (PermissionError)"]}


def test_what_may_not_be_read_is_told() -> None:
    def refused() -> Kept:
        raise PermissionError(VALUE)

    findings = search(NEEDLES, [Faulty([Piece(kind=CONTENTS, place="a file", open=refused)])])  # type: ignore[arg-type]
    assert [(each.place, each.why) for each in findings.unread] == [("a file", "PermissionError")]


@pytest.mark.parametrize(("has_counters", "times"), [(False, 2), (True, 1)])
def test_among_a_servers_own_numbers_five_bytes_in_eight_are_nobodys(has_counters: bool, times: int) -> None:
    data = b"|9990000018|" + struct.pack("<q", 9990000018)
    piece = Piece(kind=CONTENTS, place="a log", open=lambda: BytesIO(data), has_counters=has_counters)
    findings = search(needles_for("nhs number", "9990000018"), [Faulty([piece])])
    assert [hit.encoding for hit in findings.hits] == ["64-bit number", "plain"][-times:]


def test_one_surface_that_fails_does_not_keep_the_next_from_being_searched(tmp_path: Path) -> None:
    findings = search(NEEDLES, [Faulty(refuses=True), a_folder(tmp_path, log=VALUE)])
    assert len(findings.hits) == 1


def test_a_search_for_nothing_or_nowhere_is_refused(tmp_path: Path) -> None:
    for needles, surfaces in (([], [Folder("a", tmp_path)]), (NEEDLES, []), (NEEDLES, [Folder("a", tmp_path)] * 2)):
        with pytest.raises(ValueError, match="needs needles"):
            search(needles, surfaces)


def test_what_is_allowed_is_left_out_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "delivery.csv").write_text(VALUE)
    (tmp_path / "incoming.log").write_text(VALUE)
    folder = Folder("folder", tmp_path, allowed=[Allowed(tmp_path / "incoming", "Deliveries identify people.")])
    assert [hit.place for hit in search(NEEDLES, [folder]).hits] == ["incoming.log"]


def test_what_was_gathered_is_searched() -> None:
    findings = search(NEEDLES, [Kept("output", [("of the scheduler", f"… {VALUE}".encode())])])
    assert [hit.place for hit in findings.hits] == ["of the scheduler"]


def a_process(*arguments: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    waiting = [sys.executable, "-c", "input()", *arguments]
    return subprocess.Popen(waiting, stdin=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("place", ["arguments", "environment"])
def test_arguments_and_environments_of_processes(place: str) -> None:
    arguments = [VALUE] if place == "arguments" else []
    process = a_process(*arguments, environment={"NAME": VALUE} if place == "environment" else {})
    try:
        findings = search(NEEDLES, [Processes("processes")])
    finally:
        process.communicate()
    assert {hit.place for hit in findings.hits} == {f"process {process.pid}, {place}"}
    assert not findings.unsearched


def test_a_process_that_has_ended_was_seen_while_it_ran() -> None:
    processes = Processes("processes")
    with processes.watched(0.02):
        process = a_process(VALUE, environment={})
        while not any(process.pid == pid for pid, _ in list(processes._seen.values())):
            pass
        process.communicate()
    assert search(NEEDLES, [processes]).hits


def test_only_the_processes_asked_for_are_looked_at() -> None:
    process = a_process(VALUE, environment={"A": "b"})
    try:
        findings = search(NEEDLES, [Processes("processes", lambda: [process.pid])])
    finally:
        process.communicate()
    assert findings.hits
    assert len(findings.unsearched["processes"]) == 2  # the control is another process


@pytest.mark.parametrize(
    ("older", "told"), [(frozenset(), [f"process {2**22 + 1}, environment"]), (frozenset({2**22 + 1}), [])]
)
def test_an_environment_that_may_not_be_read_is_told_unless_it_is_older_than_what_was_planted(
    older: frozenset[int], told: list[str]
) -> None:
    processes = Processes("processes", lambda: [os.getpid()], older)
    processes._refused.add(2**22 + 1)  # no process has this number; root may read all that there are
    assert [each.place for each in search(NEEDLES, [processes]).unread] == told
