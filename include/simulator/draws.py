"""Chance without state: each draw is a hash of what it is for, so any row can be made again, alone and in any order.

The mixing step is the finaliser of splitmix64.
"""

import functools
import hashlib
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

Numbers: TypeAlias = np.ndarray[Any, Any]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HEX = np.array([[ord(c) for c in f"{byte:02X}"] for byte in range(256)], dtype=np.uint8)
_GUID_LENGTH = 38


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws that belong to one thing, usually a practice; `root` says which."""

    root: int

    @classmethod
    def of(cls, *names: object) -> "Draws":
        return cls(salt("|".join(map(str, names))))

    def bits(self, purpose: str, *keys: Numbers | int) -> Numbers:
        """64 random bits for each element of the keys."""
        state: Any = np.uint64(self.root ^ salt(purpose))
        with np.errstate(over="ignore"):
            for key in keys:
                state = _mixed(state ^ (np.asarray(key).astype(np.uint64) * _GOLDEN))
        return np.asarray(np.atleast_1d(state))

    def below(self, limit: Numbers | int, purpose: str, *keys: Numbers | int) -> Numbers:
        """Whole numbers from 0 up to, not including, `limit`; 0 where the limit is 0."""
        high = np.maximum(np.asarray(limit), 1).astype(np.uint64)
        return np.asarray(((self.bits(purpose, *keys) >> np.uint64(11)) % high).astype(np.int64))

    def share(self, purpose: str, *keys: Numbers | int) -> Numbers:
        """Fractions from 0 up to, not including, 1."""
        return np.asarray((self.bits(purpose, *keys) >> np.uint64(11)).astype(np.float64) / 2**53)

    def guids(self, kind: str, *keys: Numbers | int, where: Numbers | None = None) -> pa.Array:
        """EMIS's spelling of a GUID for each element; empty where `where` is false."""
        raw = np.stack([self.bits(kind + "/high", *keys), self.bits(kind + "/low", *keys)], axis=1)
        present = np.ones(len(raw), bool) if where is None else where
        return _texts(_spelt(raw[present]), present)


@functools.cache
def salt(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def _mixed(state: Any) -> Any:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _spelt(raw: Numbers) -> Numbers:
    digits = _HEX[raw.byteswap().view(np.uint8).reshape(len(raw), 16)].reshape(len(raw), 32)
    out = np.empty((len(raw), _GUID_LENGTH), np.uint8)
    out[:, 0], out[:, -1] = ord("{"), ord("}")
    for start, end, at in ((0, 8, 1), (8, 12, 10), (12, 16, 15), (16, 20, 20), (20, 32, 25)):
        out[:, at : at + end - start] = digits[:, start:end]
    out[:, [9, 14, 19, 24]] = ord("-")
    return out


def _texts(spelt: Numbers, present: Numbers) -> pa.Array:
    offsets = np.zeros(len(present) + 1, np.int32)
    np.cumsum(np.where(present, _GUID_LENGTH, 0), out=offsets[1:])
    return pa.StringArray.from_buffers(len(present), pa.py_buffer(offsets), pa.py_buffer(spelt.tobytes()))
