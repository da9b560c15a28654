"""What a key may be called. A name becomes a file's name, and part of what its seal is bound to."""

import re

from crossing.key_files import KeyRefused

_NAME = re.compile(r"[a-z][a-z0-9_]*(-[a-z0-9_]+)*")


def checked(name: str) -> str:
    if not _NAME.fullmatch(name) or len(name) > 100:
        raise KeyRefused("A key's name is lower-case words joined by hyphens, such as token-gpdpr-v1. Name it so.")
    return name
