"""Tokens made a second time, with the standard library alone, so that a test can say whose record it found."""

import hmac
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(slots=True)
class SourceKey:
    """Of registrations and people. `folder` holds the source's keys."""

    folder: Path
    file: str = "token-gpdpr-v1.key"
    keys: dict[str, bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        root, version = (self.folder / self.file).read_bytes(), self.file.removesuffix(".key").rpartition("-")[2]
        fields = ("local_id", "nhs_number")
        self.keys = {each: _derived(root, f"gp-collect|1|gpdpr|{each}|{version}".encode()) for each in fields}

    def token(self, practice: str, local_id: str) -> bytes:
        """`local_id` upper case and without braces. Also of a record, by its own id."""
        return _token(self.keys["local_id"], f"local_id\0{practice}\0{local_id}")

    def person(self, number: str) -> bytes:
        """Of ten digits."""
        return _token(self.keys["nhs_number"], f"nhs_number\0{number}")


@dataclass(slots=True)
class StoreKey:
    """Of anything the source made a token of. `folder` holds the central zone's keys."""

    folder: Path
    key: bytes = field(init=False, repr=False)
    project_key: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        root = (self.folder / "store-v1.key").read_bytes()
        self.key = _derived(root, b"gp-collect|store|v1")
        self.project_key = _derived(root, b"gp-collect|project|example_respiratory_demand|v1")

    def token(self, source: bytes) -> bytes:
        return _token(self.key, source.hex())

    def project(self, stored: bytes) -> bytes:
        """What the example's release has in place of the store's own."""
        return _token(self.project_key, stored.hex())


def _token(key: bytes, message: str) -> bytes:
    return hmac.digest(key.hex().encode(), message.encode(), "sha256")[:16]


def _derived(root: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 (RFC 5869) without salt, 32 bytes."""
    return hmac.digest(hmac.digest(bytes(32), root, "sha256"), info + b"\x01", "sha256")
