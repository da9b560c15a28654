"""The erasure journal: every line follows the one before, and what is not whole was never written."""

import hashlib

import pytest

from central_zone import whole_lines
from central_zone.erasures import journal
from central_zone.erasures.journal import NAME, Line
from central_zone.errors import JournalBroken, JournalMissing


def a_line(number, previous, people=3):
    marks = [(f"{number:016x}{person:016x}", None, 7) for person in range(people)]
    where = {"collection": "gpdpr", "practice_code": "A12345", "notice": "a parcel", "said_in": 1, "batch": number - 1}
    return Line(number=number, previous=previous, reach="person", marks=marks, **where)


@pytest.fixture
def three(tmp_path):
    """A journal of three lines; answers the hash of each."""
    hashes = [journal.NOTHING_BEFORE]
    for number in (1, 2, 3):
        hashes.append(journal.append(tmp_path, a_line(number, hashes[-1])))
    return hashes


def test_the_last_line_is_found_with_its_hash_and_all_are_read_in_order(tmp_path, three):
    assert journal.tail(tmp_path) == (3, three[3])
    assert [line.number for line, _ in journal.lines(tmp_path)] == [1, 2, 3]
    assert [line.number for line, _ in journal.lines(tmp_path, after=(2, three[2]))] == [3]
    assert list(journal.lines(tmp_path, after=(3, three[3]))) == []


def test_a_line_longer_than_a_block_is_found_too(tmp_path, three):
    long = a_line(4, three[3], people=30_000)
    assert journal.tail(tmp_path) == (3, three[3])
    hash_ = journal.append(tmp_path, long)
    assert (tmp_path / NAME).stat().st_size > whole_lines._BLOCK
    assert journal.tail(tmp_path) == (4, hash_)


def test_what_a_killed_run_left_of_a_line_does_not_count_and_is_written_over(tmp_path, three):
    path = tmp_path / NAME
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"number":4,"prev')
    assert journal.tail(tmp_path) == (3, three[3])
    hash_ = journal.append(tmp_path, a_line(4, three[3]))
    assert path.read_bytes().startswith(whole + b"{")
    assert path.read_bytes().count(b"\n") == 4
    assert journal.tail(tmp_path) == (4, hash_)


@pytest.mark.parametrize("line", [0, 1, 2])
def test_one_changed_byte_anywhere_is_seen(tmp_path, three, line):
    lines = (tmp_path / NAME).read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"said_in":1', b'"said_in":2')
    (tmp_path / NAME).write_bytes(b"".join(lines))
    with pytest.raises(JournalBroken):
        list(journal.lines(tmp_path, after=(3, three[3])))


@pytest.mark.parametrize("change", ["a line less", "two lines changed about", "a line twice"])
def test_a_line_that_is_missing_moved_or_repeated_is_seen(tmp_path, three, change):
    first, second, third = (tmp_path / NAME).read_bytes().splitlines(keepends=True)
    made = {
        "a line less": [first, third],
        "two lines changed about": [second, first, third],
        "a line twice": [first, first],
    }
    (tmp_path / NAME).write_bytes(b"".join(made[change]))
    with pytest.raises(JournalBroken):
        list(journal.lines(tmp_path))


def test_the_journal_of_another_store_is_not_taken_for_ours(tmp_path, three):
    elsewhere = hashlib.sha256(b"elsewhere").hexdigest()
    with pytest.raises(JournalBroken):
        list(journal.lines(tmp_path, after=(2, elsewhere)))
    with pytest.raises(JournalBroken):
        list(journal.lines(tmp_path, after=(4, elsewhere)))


def test_a_folder_that_is_missing_is_not_one_that_is_empty(tmp_path):
    assert journal.tail(tmp_path) is None
    with pytest.raises(JournalMissing):
        journal.tail(tmp_path / "not mounted")
