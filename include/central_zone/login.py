"""Under which login of the operating system this process runs: what stands beside a name that somebody gave."""

import os
import pwd
from pathlib import Path

_SIGNED_IN_AS = Path("/proc/self/loginuid")  # kept by the kernel since the sign-in, whoever `su` made of them
_NOBODY = 2**32 - 1  # nobody signed in: a service, or a container


def login(signed_in_as: Path = _SIGNED_IN_AS) -> str:
    """Never from the environment, in which anybody may say who they are."""
    number = _who_signed_in(signed_in_as)
    if number is None:
        number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


def _who_signed_in(path: Path) -> int | None:
    try:
        number = int(path.read_text())
    except (OSError, ValueError):
        return None
    return None if number == _NOBODY else number
