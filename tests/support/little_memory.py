"""A worker whose memory ends: by the kernel, where we may make a memory cgroup, else by a limit of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_BEFORE = """
import os, resource
import polars
from central_zone import load_parcel, validate
polars.DataFrame({"a": [2, 1]}).lazy().sort("a").collect()
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
"""
_BY_KERNEL = """
with open("GROUP/cgroup.procs", "w") as file:
    file.write(str(os.getpid()))
"""
_BY_LIMIT = """
has = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (has + MORE,) * 2)
"""


@contextmanager
def little_memory(more: int) -> Iterator[tuple[str, bool]]:
    """What a worker has to do before its step, so that it gets this much more than its libraries; and whether it is killed."""
    group = _a_group(more)
    try:
        if group is None:
            yield _BEFORE + _BY_LIMIT.replace("MORE", str(more)), False
        else:
            yield _BEFORE + _BY_KERNEL.replace("GROUP", str(group)), True
    finally:
        if group is not None:
            group.rmdir()


def _a_group(most: int) -> Path | None:
    """None where the machine does not let us: no root, or no such controller."""
    for root, limit in ((_CGROUPS / "memory", "memory.limit_in_bytes"), (_CGROUPS, "memory.max")):
        group = root / f"gp-collect-{os.getpid()}"
        try:
            group.mkdir()
            (group / limit).write_text(str(most))
        except OSError:
            if group.is_dir():
                group.rmdir()
        else:
            return group
    return None
