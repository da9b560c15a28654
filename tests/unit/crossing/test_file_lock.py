"""A file lock is given to one at a time, is free when its holder is gone, and does not wait for ever."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crossing.file_lock import FileInUse, lock_alone

HOLD = """import os, sys
from crossing.file_lock import lock_alone
lock_alone(os.open(sys.argv[1], os.O_RDONLY), 'x')
print(flush=True)
sys.stdin.read()"""


def test_one_that_hangs_is_not_waited_for_for_ever_and_one_that_is_gone_not_at_all(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        os.kill(holder.pid, signal.SIGSTOP)
        descriptor = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(FileInUse, match=r"GP_REGISTER_DIR.*end the process"):
                lock_alone(descriptor, "GP_REGISTER_DIR", longest_seconds=0.1)
            os.kill(holder.pid, signal.SIGKILL)
            holder.wait()
            lock_alone(descriptor, "GP_REGISTER_DIR", longest_seconds=5)
        finally:
            os.close(descriptor)
