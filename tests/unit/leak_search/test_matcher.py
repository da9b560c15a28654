"""Chunks, borders and noise: what is there is found once, wherever the stream is cut."""

import random
import string
from io import BytesIO

import pytest

from leak_search.matcher import Matcher
from leak_search.needles import Needle, needles_for

VALUE = "Zorblatt-4711"


def noise_of(seed: int) -> random.Random:
    """The same noise at each run."""
    return random.Random(seed)


class Dribble:
    """A stream that gives so many bytes at a time, whatever is asked."""

    def __init__(self, data: bytes, size: int) -> None:
        self.data, self.size = BytesIO(data), size

    def read(self, _: int = -1, /) -> bytes:
        return self.data.read(self.size)


@pytest.mark.parametrize("size", [1, 2, 7, 13, 64, 500, 1 << 20])
def test_what_lies_across_a_border_is_found_once(size: int) -> None:
    data = VALUE.encode() + b"." * 700 + VALUE.encode() + b"." * 431 + VALUE.encode()
    matcher = Matcher(needles_for("value", VALUE))
    assert [needle.encoding for needle in matcher.matches(Dribble(data, size))] == ["plain"] * 3


@pytest.mark.parametrize("position", range((1 << 20) - 20, (1 << 20) + 6))
def test_every_place_around_the_border_of_a_chunk(position: int) -> None:
    data = bytearray(b"." * (1 << 21))
    data[position : position + len(VALUE)] = VALUE.encode()
    assert len(list(Matcher(needles_for("value", VALUE)).matches(BytesIO(bytes(data))))) == 1


def test_needles_that_overlap_are_all_found() -> None:
    matcher = Matcher([*needles_for("short", "Zorblatt"), *needles_for("long", "Zorblatt-4711")])
    assert {needle.label for needle in matcher.matches(BytesIO(VALUE.encode()))} == {"short", "long"}


def test_one_value_of_two_labels_is_told_of_both() -> None:
    matcher = Matcher([*needles_for("surname", VALUE), *needles_for("carer", VALUE)])
    assert {needle.label for needle in matcher.matches(BytesIO(VALUE.encode()))} == {"surname", "carer"}


def short(pattern: bytes) -> Matcher:
    return Matcher([Needle(label="short", encoding="varint", pattern=pattern, is_short=True)])


def test_five_bytes_in_noise_are_chance_and_in_a_record_are_not() -> None:
    noise, pattern = noise_of(7), b"\x99\x90\x00\x12\x34"
    in_noise = noise.randbytes(300) + pattern + noise.randbytes(300)
    in_record = b"\x00\x01\x00\x00patient\x00" * 20 + pattern + b"\x00\x00\x00\x07state\x00" * 20
    assert list(short(pattern).matches(BytesIO(in_noise))) == []
    assert len(list(short(pattern).matches(BytesIO(in_record)))) == 1
    assert len(list(short(pattern).matches(BytesIO(pattern)))) == 1


def test_a_megabyte_of_noise_holds_no_needle_by_chance() -> None:
    """A thousand numbers and what a parcel looks like from outside: nothing is found. Short needles alone would be met
    once in 1,000 such runs, were noise not told apart."""
    noise = noise_of(11)
    numbers = [f"999{noise.randrange(10**7):07d}" for _ in range(1_000)]
    matcher = Matcher(needle for number in numbers for needle in needles_for("number", number))
    assert list(matcher.matches(BytesIO(noise.randbytes(1 << 20)))) == []


def test_most_windows_of_noise_are_told_from_text() -> None:
    noise, pattern = noise_of(3), b"\x99\x90\x00\x12\x34"
    windows = [noise.randbytes(128) + pattern + noise.randbytes(128) for _ in range(500)]
    text = ["".join(noise.choices(string.printable, k=128)).encode() for _ in range(500)]
    kept_in_noise = sum(bool(list(short(pattern).matches(BytesIO(window)))) for window in windows)
    kept_in_text = sum(bool(list(short(pattern).matches(BytesIO(each + pattern + each)))) for each in text)
    assert (kept_in_noise, kept_in_text) == (0, 500)


def test_a_place_that_is_itself_a_leak_has_it_hidden() -> None:
    matcher = Matcher(needles_for("value", VALUE))
    assert matcher.without_needles(f"inbox/{VALUE}_report_{VALUE}.csv") == "inbox/‹hidden›_report_‹hidden›.csv"
    assert matcher.without_needles("inbox/report.csv") == "inbox/report.csv"
