"""Looks for any number of needles at once in bytes that need not fit into memory (Aho-Corasick)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ahocorasick_rs import BytesAhoCorasick, Implementation

from leak_search.needles import Needle
from leak_search.parts import Readable

_CHUNK = 1 << 20
_AROUND = 128
# Noise of n bytes holds 256 * (1 - (255/256)^n) different ones, 162 of 256; fewer than this part of it is not noise.
_NOISE = 0.85
_LEAST_NOISE = 64  # bytes; fewer cannot be told from anything else
_HIDDEN = "‹hidden›"


@dataclass(frozen=True, slots=True)
class _Window:
    """A stretch of the bytes, and the places in it at which an end counts: those before were looked at already."""

    data: bytes
    first_end: int
    last_end: int


class Matcher:
    """Built once for all surfaces; building takes about ten seconds a million needles."""

    def __init__(self, needles: Iterable[Needle]) -> None:
        self._needles: dict[bytes, list[Needle]] = defaultdict(list)
        for needle in needles:
            self._needles[needle.pattern].append(needle)
        self._patterns: Sequence[bytes] = list(self._needles)
        self._automaton = BytesAhoCorasick(self._patterns, implementation=Implementation.ContiguousNFA)
        # What is carried from one chunk to the next: the longest needle and what must be seen on either side of it.
        self._carried = max(map(len, self._patterns)) + 2 * _AROUND

    def matches(self, stream: Readable) -> Iterator[Needle]:
        """Each needle as often as it occurs, each time once wherever the chunks end. What was found before a stream breaks counts."""
        for window in self._windows(stream):
            for index, start, end in self._automaton.find_matches_as_indexes(window.data, overlapping=True):
                if window.first_end < end <= window.last_end:
                    yield from (each for each in self._of(index) if _counts(each, window.data, start, end))

    def without_needles(self, text: str) -> str:
        """The text with every needle in it hidden: places are told, and a place may be a leak itself."""
        data = text.encode("utf-8", "surrogateescape")
        spans = sorted(
            (start, end) for _, start, end in self._automaton.find_matches_as_indexes(data, overlapping=True)
        )
        kept, at = [], 0
        for start, end in spans:
            if end > at:
                kept += [data[at : max(start, at)].decode("utf-8", "replace"), _HIDDEN if start >= at else ""]
                at = end
        return "".join(kept) + data[at:].decode("utf-8", "replace")

    def _of(self, index: int) -> list[Needle]:
        return self._needles[self._patterns[index]]

    def _windows(self, stream: Readable) -> Iterator[_Window]:
        data, settled = b"", 0
        while chunk := stream.read(_CHUNK):
            data += chunk
            last = len(data) - _AROUND  # later ones wait until what follows them is known
            yield _Window(data, settled, last)
            dropped = max(0, len(data) - self._carried)
            data, settled = data[dropped:], max(0, last - dropped)
        yield _Window(data, settled, len(data))


def _counts(needle: Needle, data: bytes, start: int, end: int) -> bool:
    if needle.is_apart and (data[max(0, start - 1) : start].isalnum() or data[end : end + 1].isalnum()):
        return False
    return not (needle.is_short and _is_noise(data[max(0, start - _AROUND) : end + _AROUND]))


def _is_noise(around: bytes) -> bool:
    expected = 256 * (1 - (255 / 256) ** len(around))
    return len(around) >= _LEAST_NOISE and len(set(around)) > _NOISE * expected
