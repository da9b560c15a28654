"""The register of others' public keys: whose each is, what it may sign, for whom, from when to when, and whether it was revoked.

One file, `key_register.toml`, in each zone's folder of keys. It holds no secret, but whoever can write to it decides
whom we believe: a register that others can write to, or that says anything we do not know, is not read at all.
"""

import os
import re
import stat
import tomllib
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossing.errors import PersonMustAct

REGISTER_NAME = "key_register.toml"
PARCELS, RECEIPTS, REIDENTIFICATION = PURPOSES = ("parcels", "receipts", "reidentification")
EVERYBODY = "*"
ED25519_BYTES, ML_DSA_65_BYTES = 32, 1952
LARGEST_REGISTER_BYTES = 4_000_000  # some hundreds of signers, each with a long second key
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9 .,'@-]{0,79}")
_SPEAKS_FOR = re.compile(r"\*|[A-Z][0-9]{5}|[a-z][a-z0-9_]{0,40}")  # everybody, a practice, a supplier's format
_REQUIRED = frozenset({"name", "purpose", "owner", "ed25519", "valid_from", "valid_until"})
_OPTIONAL = frozenset({"ml_dsa_65", "revoked_at", "speaks_for"})


class RegisterRefused(PersonMustAct):
    """The register is missing, can be written to by others, or says something that we do not know."""


class KeyNotValid(PersonMustAct):
    """A key is not in the register, or not for this purpose, at this time, for this practice, or it was revoked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredKey:
    """Public keys of one signer. Where there are two, every signature of theirs is two signatures."""

    name: str
    purpose: str
    owner: str
    ed25519: bytes
    ml_dsa_65: bytes | None
    speaks_for: tuple[str, ...]

    def may_speak_for(self, practice_code: str, supplier_format: str) -> bool:
        return not {EVERYBODY, practice_code, supplier_format}.isdisjoint(self.speaks_for)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the register: a key, and when it may be relied on."""

    key: RegisteredKey
    valid_from: datetime
    valid_until: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class KeyRegister:
    """The register as it was read. `entries` by name."""

    entries: dict[str, Entry]

    def key(self, name: str, purpose: str, *, at: datetime, now: datetime) -> RegisteredKey:
        """The key of this name, for what was signed `at`. Raises KeyNotValid, which does not repeat a name it does not know.

        A revoked key is refused whatever `at` says: whoever stole it writes the date that suits them.
        """
        entry = self.entries.get(name)
        if entry is None or entry.key.purpose != purpose:
            raise KeyNotValid(
                f"The signer is not known here for {purpose}. If it should be, enter its public key in {REGISTER_NAME}."
            )
        if entry.revoked_at is not None and entry.revoked_at <= now:
            raise KeyNotValid(
                f"Key {name} was revoked on {entry.revoked_at:%d %B %Y}; nothing it signed is taken any more, whenever "
                "it says it was signed. Ask its owner to seal again with their present key."
            )
        if not entry.valid_from <= at < entry.valid_until:
            raise KeyNotValid(
                f"Key {name} is valid from {entry.valid_from:%d %B %Y} until {entry.valid_until:%d %B %Y}, and this was "
                "signed at another time. Ask its owner to seal again with their present key."
            )
        return entry.key

    def names(self, purpose: str) -> list[str]:
        """Every key entered for a purpose, in force or not."""
        return sorted(name for name, entry in self.entries.items() if entry.key.purpose == purpose)


def read_key_register(folder: Path) -> KeyRegister:
    """The register of a zone, as the file is now. Raises RegisterRefused; what the file says is never quoted."""
    return _register_in(_read(folder / REGISTER_NAME))


@lru_cache(
    maxsize=2
)  # the same bytes are the same register; parsing a hundred signers takes longer than checking a parcel
def _register_in(data: bytes) -> KeyRegister:
    try:
        content = tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise _refused("is not TOML") from None
    if content.keys() - {"key"} or not isinstance(content.get("key", []), list):
        raise _refused("holds something else than [[key]] tables")
    entries = [_entry(number, raw) for number, raw in enumerate(content.get("key", []), start=1)]
    by_name = {entry.key.name: entry for entry in entries}
    if len(by_name) < len(entries):
        raise _refused("names a key twice; a new key needs a new name")
    if len({entry.key.ed25519 for entry in entries}) < len(entries):
        raise _refused("has the same public key under two names; nobody may count as two")
    return KeyRegister(by_name)


def _read(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise _refused(f"in {path.parent}: {error.strerror}") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o022:
            raise _refused("can be written to by others, or is no plain file. Make it 0444")
        data = file.read(LARGEST_REGISTER_BYTES + 1)
    if len(data) > LARGEST_REGISTER_BYTES:
        raise _refused(f"is larger than {LARGEST_REGISTER_BYTES} bytes")
    return data


def _entry(number: int, raw: Any) -> Entry:
    if not isinstance(raw, dict) or _REQUIRED - raw.keys() or raw.keys() - _REQUIRED - _OPTIONAL:
        raise _refused(f"has a key, the {number}., that lacks a field or has one we do not know")
    wrong = next((name for name, holds in _CHECKS.items() if name in raw and not holds(raw[name])), None)
    if wrong or raw["valid_from"] >= raw["valid_until"]:
        raise _refused(f"has a key, the {number}., whose {wrong or 'valid_until'} does not hold what it is for")
    key = RegisteredKey(
        name=raw["name"],
        purpose=raw["purpose"],
        owner=raw["owner"],
        ed25519=bytes.fromhex(raw["ed25519"]),
        ml_dsa_65=bytes.fromhex(raw["ml_dsa_65"]) if "ml_dsa_65" in raw else None,
        speaks_for=tuple(raw.get("speaks_for", ())),
    )
    return Entry(
        key=key, valid_from=raw["valid_from"], valid_until=raw["valid_until"], revoked_at=raw.get("revoked_at")
    )


def _is_text(shape: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and shape.fullmatch(value) is not None


def _is_key(length: int, value: Any) -> bool:
    return (
        isinstance(value, str) and re.fullmatch(f"[0-9a-f]{{{2 * length}}}", value) is not None and set(value) != {"0"}
    )


def _is_instant(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _are_spoken_for(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(_SPEAKS_FOR, each) for each in value)


_CHECKS = {
    "name": lambda value: _is_text(_NAME, value),
    "purpose": lambda value: isinstance(value, str) and value in PURPOSES,
    "owner": lambda value: _is_text(_OWNER, value),
    "ed25519": lambda value: _is_key(ED25519_BYTES, value),
    "ml_dsa_65": lambda value: _is_key(ML_DSA_65_BYTES, value),
    "valid_from": _is_instant,
    "valid_until": _is_instant,
    "revoked_at": _is_instant,
    "speaks_for": _are_spoken_for,
}


def _refused(why: str) -> RegisterRefused:
    return RegisterRefused(f"{REGISTER_NAME} {why}. Nobody's signature is believed until it is mended.")


def entry_in_toml(entry: Entry) -> str:
    """One line of the register as it is written; `read_key_register` reads back the same."""
    key = entry.key
    fields = {
        "name": f'"{key.name}"',
        "purpose": f'"{key.purpose}"',
        "owner": f'"{key.owner}"',
        "ed25519": f'"{key.ed25519.hex()}"',
        "ml_dsa_65": f'"{key.ml_dsa_65.hex()}"' if key.ml_dsa_65 else None,
        "valid_from": entry.valid_from.isoformat(),
        "valid_until": entry.valid_until.isoformat(),
        "revoked_at": entry.revoked_at.isoformat() if entry.revoked_at else None,
        "speaks_for": str(list(key.speaks_for)).replace("'", '"') if key.speaks_for else None,
    }
    return "[[key]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items() if value is not None)
