"""Reads policy files into frozen types, and refuses what it does not know. Policy is data: this is its only reader.

Every reading also yields the file's hash, so that a manifest can say under which rules a parcel was made.
"""

import csv
import hashlib
import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from crossing.errors import PersonMustAct


class PolicyRefused(PersonMustAct):
    """A policy file is missing, has a key we do not know, or lacks one we need. Nothing runs on a guess."""


def policy_folder() -> Path:
    """GP_POLICY_DIR, or the policy that came with this version of the software."""
    return Path(os.environ.get("GP_POLICY_DIR") or Path(__file__).parent.parent / "policy")


PERSON, REGISTRATION = "person", "registration"
DISSENT_REACHES = (PERSON, REGISTRATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOutSource:
    """When a practice's opt-outs as a whole may not be relied on. Beyond any of these its release stops for a person."""

    stale_after_days: int  # the newest extract known is older, at the moment of deciding
    entries_expected_from_patients: int  # a whole extract of so many patients has coded entries
    objections_expected_from_patients: int  # a practice of so many has somebody who ever objected
    largest_unreadable_share: float  # of consent entries
    unreadable_at_least: int  # fewer are no reason to stop
    largest_fall: float  # share of the registrations with an objection in force that no longer have one after one run
    fall_at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """One collection, as its file in policy/collections/ says."""

    id: str
    title: str
    status: str
    legal_basis: str
    start_date: date  # who was registered, or died, on or after it is in scope
    schedule: str  # cron, in Europe/London
    look_back_years: dict[str, int]  # table -> years; a table not named has no limit
    scope_registration_types: tuple[str, ...]
    dissent_reaches: str  # one of DISSENT_REACHES: whose records are erased when somebody opts out later
    largest_quarantined_share: float  # above it, central holds the parcel for a steward
    largest_deleted_share: dict[
        str, float
    ]  # of patients and of rows, and rows a patient; above it, the source asks a person
    opt_out_source: OptOutSource
    parcel_valid_days: int
    practices_per_shard: int
    parcels_per_shard: int
    synthetic_only: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """One row of policy/practices.csv: adding a practice is adding a row."""

    practice_code: str
    supplier: str
    format: str
    transport: str
    connection: str
    participates_from: date
    participates_until: date | None
    synthetic: bool

    def takes_part_on(self, day: date) -> bool:
        """Its last day included."""
        return self.participates_from <= day <= (self.participates_until or day)


@dataclass(frozen=True, slots=True)
class CodeShape:
    """A code cell must match `pattern` and must not match `never` (regular expressions without look-around)."""

    pattern: str
    never: str | None


@dataclass(slots=True)
class Policy:
    """The policy folder, read lazily; remembers the hash of each file it was asked for."""

    folder: Path = field(default_factory=policy_folder)
    sha256: dict[str, str] = field(default_factory=dict)
    _parsed: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)

    def collection(self, name: str) -> Collection:
        content = dict(self._toml(f"collections/{name}.toml"))
        known = {item.name for item in fields(Collection)}
        _check_keys(f"collections/{name}.toml", set(content), known)
        if content["dissent_reaches"] not in DISSENT_REACHES:
            raise PolicyRefused(
                f"policy/collections/{name}.toml: dissent_reaches is none of {', '.join(DISSENT_REACHES)}."
            )
        content["scope_registration_types"] = tuple(content["scope_registration_types"])
        opt_outs = content["opt_out_source"]
        _check_keys(f"collections/{name}.toml", set(opt_outs), {item.name for item in fields(OptOutSource)})
        content["opt_out_source"] = OptOutSource(**opt_outs)
        return Collection(**content)

    def collections(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "collections").glob("*.toml"))

    def data_uses(self) -> list[str]:
        """Ids of the uses that something may be released to; a collection's own entry of the register is none."""
        names = sorted(path.stem for path in (self.folder / "data_uses").glob("*.toml"))
        return [name for name in names if self._toml(f"data_uses/{name}.toml").get("kind") == "data_use"]

    def practices(self) -> list[Practice]:
        return list(_practices_of(self._read("practices.csv")).values())

    def practice(self, code: str) -> Practice:
        try:
            return _practices_of(self._read("practices.csv"))[code]
        except KeyError:
            raise PolicyRefused(
                f"Practice {code} is not in policy/practices.csv. Add its row, with a reviewer."
            ) from None

    def vocabulary(self, column: str) -> frozenset[str]:
        """The words a closed column may hold. `other` is always one: it stands for what is not on the list."""
        words = self._toml("vocabularies.toml").get(column)
        if words is None:
            raise PolicyRefused(
                f"policy/vocabularies.toml has no list for {column}. A closed column without words is refused."
            )
        return frozenset(words["words"]) | {"other"}

    def code_shapes(self) -> dict[str, CodeShape]:
        """Code column -> what its cells may look like when they leave."""
        shapes = self._toml("code_shapes.toml")
        return {column: CodeShape(shape["pattern"], shape.get("never")) for column, shape in shapes.items()}

    def table(self, name: str) -> dict[str, Any]:
        """A TOML policy file as plain data, for readers that give it a type of their own."""
        return self._toml(name)

    def note_fields(self, format_name: str) -> None:
        """Reads every file about a format's fields, so that their hashes are in the manifest whichever step runs."""
        folder = self.folder / "fields"
        more = sorted(path.name for path in folder.glob(f"{format_name}_*.toml"))
        self.note(*(f"fields/{name}" for name in (f"{format_name}.toml", *more, "ignore_until.csv")))

    def note(self, *names: str) -> None:
        """Reads files for their hashes alone."""
        for name in names:
            self._read(name)

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a CSV policy file; lines that begin with # are its legend."""
        return _rows_of(self._read(name))

    def _toml(self, name: str) -> dict[str, Any]:
        if name in self._parsed:
            return self._parsed[name]
        try:
            self._parsed[name] = _toml_of(self._read(name))
            return self._parsed[name]
        except tomllib.TOMLDecodeError as error:
            raise PolicyRefused(f"policy/{name} is not valid TOML{_place_in(error)}. Correct the file.") from None

    def _read(self, name: str) -> bytes:
        try:
            data = (self.folder / name).read_bytes()
        except OSError as error:
            raise PolicyRefused(f"policy/{name}: {error.strerror}. Restore it from the reviewed version.") from None
        self.sha256[name] = hashlib.sha256(data).hexdigest()
        return data


# A night makes a Policy for every step of every practice. Files are read each time, for their hashes; what the same bytes mean
# is worked out once. Nobody changes what they are given.
@lru_cache(maxsize=128)
def _toml_of(data: bytes) -> dict[str, Any]:
    return tomllib.loads(data.decode())


@lru_cache(maxsize=8)
def _practices_of(data: bytes) -> dict[str, Practice]:
    rows = _rows_of(data)
    found = {row["practice_code"]: _practice(row) for row in rows}
    if len(found) < len(rows):
        raise PolicyRefused("policy/practices.csv has a practice twice. Leave the row that a reviewer agreed to.")
    return found


def _rows_of(data: bytes) -> list[dict[str, str]]:
    lines = [line for line in data.decode().splitlines() if line.strip() and not line.startswith("#")]
    return list(csv.DictReader(lines))


def _practice(row: dict[str, str]) -> Practice:
    until = row["participates_until"]
    return Practice(
        practice_code=row["practice_code"],
        supplier=row["supplier"],
        format=row["format"],
        transport=row["transport"],
        connection=row["connection"],
        participates_from=date.fromisoformat(row["participates_from"]),
        participates_until=date.fromisoformat(until) if until else None,
        synthetic={"yes": True, "no": False}[row["synthetic"]],
    )


def _check_keys(name: str, found: set[str], known: set[str]) -> None:
    if found != known:
        missing, unknown = sorted(known - found), sorted(found - known)
        raise PolicyRefused(f"policy/{name}: missing keys {missing}, unknown keys {unknown}. Correct the file.")


def _place_in(error: tomllib.TOMLDecodeError) -> str:
    """Where: its other words quote keys and letters of the file."""
    place = re.search(r"\(at (line \d+, column \d+|end of document)\)$", str(error))
    return f", {place[1]}" if place else ""
