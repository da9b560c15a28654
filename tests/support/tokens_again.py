"""Tokens made a second time, with the standard library alone, so that a test can say whose record it found."""

import hmac
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class SourceKey:
    """Of registrations. `folder` holds the source's keys."""

    folder: Path
    key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = _derived((self.folder / "token-gpdpr-v1.key").read_bytes(), b"gp-collect|1|gpdpr|local_id|v1")

    def token(self, practice: str, local_id: str) -> bytes:
        """`local_id` upper case and without braces."""
        return _token(self.key, f"local_id\0{practice}\0{local_id}")


@dataclass(slots=True)
class StoreKey:
    """Of anything the source made a token of. `folder` holds the central zone's keys."""

    folder: Path
    key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.key = _derived((self.folder / "store-v1.key").read_bytes(), b"gp-collect|store|v1")

    def token(self, source: bytes) -> bytes:
        return _token(self.key, source.hex())


def _token(key: bytes, message: str) -> bytes:
    return hmac.digest(key.hex().encode(), message.encode(), "sha256")[:16]


def _derived(root: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) without salt, 32 bytes."""
    return hmac.digest(hmac.digest(bytes(32), root, "sha256"), info + b"\x01", "sha256")
