"""Passwords of the store's roles, a file each. The server has a SCRAM verifier of it, and never learns a password from us."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

from sqlalchemy import Connection, text

from crossing.connections import read_secret_file
from crossing.key_files import write_key_file

_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)")
_CHARACTERS = 32  # of 64 kinds each: 192 bits


def make_missing(folder: Path, roles: Iterable[str]) -> list[str]:
    """A random password, in a file of mode 0400, for each role that has none; answers whose. None is replaced or shown."""
    missing = [role for role in roles if not (folder / role).exists()]
    for role in missing:
        write_key_file(folder / role, (secrets.token_urlsafe(_CHARACTERS)[:_CHARACTERS] + "\n").encode())
    return missing


def read_all(folder: Path, roles: Iterable[str]) -> dict[str, str]:
    """The passwords that are there. Raises KeyRefused for a file that others can read."""
    return {role: read_secret_file(folder / role).decode() for role in roles if (folder / role).exists()}


def not_known_yet(connection: Connection, passwords: Mapping[str, str]) -> dict[str, str]:
    """Those of the passwords that the server does not have: a new role's, and one that was replaced."""
    present = {row[0]: row[1] for row in connection.execute(text("SELECT rolname, rolpassword FROM pg_authid"))}
    return {role: password for role, password in passwords.items() if not is_of(present.get(role) or "", password)}


def is_of(verifier: str, password: str) -> bool:
    """Whether a verifier is this password's. (RFC 5803; the passwords are ASCII, which SASLprep leaves as it is.)"""
    found = _VERIFIER.fullmatch(verifier)
    if not found:
        return False
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(found[2]), int(found[1]))
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    kept = f"{found[3]}:{found[4]}"
    return hmac.compare_digest(f"{base64.b64encode(stored).decode()}:{base64.b64encode(server).decode()}", kept)
