"""The service's file: one NHS number a line, ten digits, a comma and a line feed, and nothing else.

In memory the numbers are a sorted array of integers, each once: sixty million people take half a gigabyte.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
LINE_BYTES = 12
_POWERS = 10 ** np.arange(9, -1, -1, dtype=np.int64)
_LINE = re.compile(rb"[0-9]{10},")


def numbers_of(texts: Iterable[str]) -> Numbers:
    """Of canonical NHS numbers: sorted, and each once."""
    return np.unique(np.fromiter((int(each) for each in texts), dtype=np.int64))


def union(several: Iterable[Numbers]) -> Numbers:
    return np.unique(np.concatenate([numbers_of(()), *several]))


def to_file(numbers: Numbers) -> bytes:
    lines = np.empty((len(numbers), LINE_BYTES), dtype=np.uint8)
    lines[:, :10] = numbers[:, None] // _POWERS % 10 + ord("0")
    lines[:, 10:] = np.frombuffer(b",\n", dtype=np.uint8)
    return lines.tobytes()


def from_file(content: bytes) -> Numbers | None:
    """The numbers in the order of their lines, or None where any line is not one. An empty file has none."""
    if len(content) % LINE_BYTES:
        return None
    lines = np.frombuffer(content, dtype=np.uint8).reshape(-1, LINE_BYTES)
    digits = lines[:, :10]
    ends = lines[:, 10:] == np.frombuffer(b",\n", dtype=np.uint8)
    if not (ends.all() and ((digits >= ord("0")) & (digits <= ord("9"))).all()):
        return None
    return (digits.astype(np.int64) - ord("0")) @ _POWERS


def bad_lines(content: bytes) -> int:
    """How many lines are not ten digits and a comma; the last, where it has no end, is not among them."""
    return sum(1 for line in content.split(b"\n")[:-1] if not _LINE.fullmatch(line))
