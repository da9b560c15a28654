"""Where others are reached, suppliers and the other zone: one table a connection in policy/connections.toml, secrets in key files."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from crossing.errors import PersonMustAct
from crossing.key_files import KeyRefused, read_key_file
from crossing.policy import Policy

CONNECTIONS = "connections.toml"
_LARGEST_SECRET = 64 * 1024
Connection = TypeVar("Connection")


class ConnectionRefused(PersonMustAct):
    """policy/connections.toml has no such connection, or says too little or too much about it."""


def read_connection(kind: type[Connection], name: str, transport: str, policy: Policy) -> Connection:
    """The connection as the transport's own frozen type. Raises ConnectionRefused; there are no defaults to fall back on."""
    found: dict[str, Any] = dict(policy.table(CONNECTIONS).get(name) or {})
    if not found:
        raise ConnectionRefused(f"policy/{CONNECTIONS} has no connection {name}. Add it, with a reviewer.")
    if found.pop("transport", None) != transport:
        raise ConnectionRefused(
            f"policy/{CONNECTIONS}, {name}: it is not a connection for {transport}. Correct the file."
        )
    known = {each.name for each in fields(kind)}  # type: ignore[arg-type]  # every kind is a dataclass
    if set(found) - {"why"} != known:
        missing, unknown = sorted(known - set(found)), sorted(set(found) - known - {"why"})
        raise ConnectionRefused(
            f"policy/{CONNECTIONS}, {name}: missing keys {missing}, unknown keys {unknown}. Correct the file."
        )
    return kind(**{key: value for key, value in found.items() if key != "why"})


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret files of one connection: `connections/<name>/` in this zone's keys folder."""

    folder: Path

    @classmethod
    def of(cls, connection: str, keys: Path) -> "Secrets":
        return cls(keys / "connections" / connection)

    def path(self, name: str) -> Path:
        """The file itself, for libraries that read files; checked first. Raises KeyRefused."""
        self.read(name)
        return self.folder / name

    def read(self, name: str) -> bytes:
        """Raises KeyRefused for a secret that is missing, empty, or that others can read."""
        return read_secret_file(self.folder / name)


def read_secret_bytes(path: Path) -> bytes:
    """A secret of any length up to 64 KiB, byte for byte. Raises KeyRefused."""
    size = path.stat().st_size if path.is_file() else 0
    return read_key_file(path, expected_bytes=min(size, _LARGEST_SECRET))


def read_secret_file(path: Path) -> bytes:
    """A secret of any length up to 64 KiB, without the line end that editors add. Raises KeyRefused."""
    secret = read_secret_bytes(path).rstrip(b"\r\n")
    if not secret:  # a library handed nothing may look for a default of its own
        raise KeyRefused(f"Secret {path.name} in {path.parent} holds only a line end. Put the right file there.")
    return secret
