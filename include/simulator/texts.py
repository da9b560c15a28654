"""Columns of text made from numbers: dates, times, words picked from a list."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.draws import Numbers

UNDATED = -1_000_000  # stands for "no day" among days since 1970-01-01
_EPOCH = date(1970, 1, 1)
_FIRST = date(1890, 1, 1)
_FIRST_DAY = (_FIRST - _EPOCH).days
_DAYS = pa.array([""] + [(_FIRST + timedelta(days=n)).isoformat() for n in range(60_000)])
_TIMES = pa.array([""] + [f"{s // 3600:02d}:{s // 60 % 60:02d}:{s % 60:02d}" for s in range(86_400)])
_BOOLS = pa.array(["false", "true"])


def day_number(day: date) -> int:
    return (day - _EPOCH).days


def day_of(number: int) -> date:
    return _EPOCH + timedelta(days=int(number))


def days(numbers: Numbers) -> pa.Array:
    """`yyyy-MM-dd`; empty for UNDATED."""
    return _DAYS.take(pa.array(np.where(numbers == UNDATED, 0, numbers - _FIRST_DAY + 1)))


def times(seconds: Numbers) -> pa.Array:
    """`HH:mm:ss`; empty for a negative number."""
    return _TIMES.take(pa.array(np.where(seconds < 0, 0, seconds + 1)))


def booleans(flags: Numbers) -> pa.Array:
    return _BOOLS.take(pa.array(flags.astype(np.int8)))


def whole(numbers: Numbers) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def picked(words: list[str] | pa.Array, indices: Numbers) -> pa.Array:
    return (
        pa.array(words, pa.string()).take(pa.array(indices))
        if isinstance(words, list)
        else words.take(pa.array(indices))
    )


def constant(word: str, length: int) -> pa.Array:
    return pa.repeat(pa.scalar(word), length)


def joined(*parts: pa.Array | str) -> pa.Array:
    """The parts one after another, row by row."""
    return pc.binary_join_element_wise(*parts, "")


def only_where(column: pa.Array, flags: Numbers) -> pa.Array:
    """The column, emptied where the flag is false."""
    return pc.if_else(pa.array(flags), column, "")
