"""Where the last whole line of a file ends: a run that was killed while it wrote may have left a part of one after it."""

import os
from typing import BinaryIO

_BLOCK = 1 << 20


def whole_lines_end(file: BinaryIO) -> int:
    return line_end_before(file, file.seek(0, os.SEEK_END))


def line_end_before(file: BinaryIO, end: int) -> int:
    """The position after the last line end before `end`; 0 where there is none."""
    while end > 0:
        start = max(end - _BLOCK, 0)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
