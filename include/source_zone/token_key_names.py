"""The names of token keys, read: whose collection's a key is, and its version."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"token-([a-z0-9_]+)-v([1-9][0-9]*)")


@dataclass(frozen=True, slots=True)
class TokenKeyName:
    collection: str
    version: int


def token_key_of(name: str) -> TokenKeyName | None:
    """None for the name of another kind of key."""
    found = _NAME.fullmatch(name)
    return TokenKeyName(found[1], int(found[2])) if found else None
