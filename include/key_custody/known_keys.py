"""Keys that are none, because the world knows them: those of published test vectors, and those with a pattern.

Whoever can guess a key can make every token there is. Real keys are drawn from the system's random source, which makes
each of these patterns less often than once in 10^13 keys.
"""

import csv
import hashlib
import itertools
from functools import cache
from pathlib import Path

from crossing.key_files import KeyRefused

_LIST = Path(__file__).with_name("published_keys.csv")
_PIECE = 32  # a recipient key is two keys in a row, each of which may be known
_FEWEST_BYTES = 16  # below this a pattern says nothing
_FEWEST_DISTINCT = 12  # of 32 random bytes some 30 are distinct


def check_unknown(name: str, data: bytes) -> None:
    """Raises KeyRefused for a key that is published, or that nobody drew at random."""
    pieces = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
    for piece in [data, data[:64], *pieces]:
        if hashlib.sha256(piece).hexdigest() in _published():
            raise KeyRefused(
                f"Key {name} is a published one, from a test vector. Ask its custodian for one drawn at random."
            )
        if len(piece) >= _FEWEST_BYTES and _has_a_pattern(piece):
            raise KeyRefused(f"Key {name} was not drawn at random. Ask its custodian for one of random bytes.")


def _has_a_pattern(data: bytes) -> bool:
    steps = {(after - before) % 256 for before, after in itertools.pairwise(data)}
    few = len(set(data)) < min(_FEWEST_DISTINCT, len(data) // 2)
    readable = all(32 <= byte < 127 for byte in data)  # a passphrase, or a key in hexadecimal
    repeated = any(data == (data[:size] * len(data))[: len(data)] for size in range(1, len(data) // 2 + 1))
    return len(steps) == 1 or few or readable or repeated


@cache
def _published() -> frozenset[str]:
    with _LIST.open(newline="") as file:
        return frozenset(row["sha256"] for row in csv.DictReader(file))
