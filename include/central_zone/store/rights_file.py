"""Reads policy/store_rights.toml: who may do what in the store, and why. Whatever it does not say is not allowed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from central_zone.store.role_names import OWNER, ROLES
from crossing.policy import Policy, PolicyRefused

FILE = "store_rights.toml"
DATABASE, SCHEMA, TABLE, VIEW = "database", "schema", "table", "view"
SEQUENCE, FUNCTION, LANGUAGE = "sequence", "function", "language"
RELEASED, RELEASED_VIEW = MADE_BY_RELEASES = "released table", "released view"
WORDS: dict[str, frozenset[str]] = {
    DATABASE: frozenset({"CONNECT", "TEMP"}),
    SCHEMA: frozenset({"USAGE", "CREATE"}),
    TABLE: frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
    VIEW: frozenset({"SELECT"}),
    SEQUENCE: frozenset({"USAGE"}),
    FUNCTION: frozenset({"EXECUTE"}),
    RELEASED: frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
    RELEASED_VIEW: frozenset({"SELECT"}),
}
NAMED_AND_IN_DATE = "the login is named for the use and in date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """One role, as the server is to have it."""

    name: str
    can_log_in: bool
    connections: int  # -1: as many as the server has
    sees_every_row: bool
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one role may do with the objects it stands beside. Without columns: with all of them."""

    role: str
    may: tuple[str, ...]
    columns: tuple[str, ...] = ()
    only_if: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """Objects of one kind that are treated alike. The released tables have no names: each release makes them."""

    kind: str
    names: tuple[str, ...]
    rows_are_guarded: bool
    owner: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """The whole file."""

    roles: Mapping[str, Role]
    objects: tuple[Object, ...]

    def find(self, kind: str, name: str) -> Object | None:
        """What is said of an object. None: nobody decided about it."""
        for each in self.objects:
            if each.kind == kind and (name in each.names or kind in (*MADE_BY_RELEASES, DATABASE)):
                return each
        return None

    def made(self, kind: str) -> Object:
        """What is said of everything that releases make of a kind."""
        return next(each for each in self.objects if each.kind == kind)


def read_rights(policy: Policy | None = None) -> Rights:
    """Raises PolicyRefused for a word, role or object that is unknown, said twice, or said without a reason."""
    content = (policy or Policy()).table(FILE)
    _check(set(content) == {"every_role", "roles", "objects"}, "it has every_role, roles and objects, and nothing else")
    _check(set(content["roles"]) == set(ROLES), f"its roles are {', '.join(ROLES)}")
    everybody = content["every_role"]["settings"]
    roles = {name: _role(name, said, everybody) for name, said in content["roles"].items()}
    objects = tuple(_object(said) for said in content["objects"])
    named = [(each.kind, name) for each in objects for name in each.names or ("",)]
    _check(len(set(named)) == len(named), "an object is decided about twice")
    _check(
        {DATABASE, *MADE_BY_RELEASES} <= {each.kind for each in objects},
        "it says nothing of the database or of releases",
    )
    return Rights(roles=roles, objects=objects)


def _role(name: str, said: dict[str, Any], everybody: dict[str, str]) -> Role:
    known = {"why", "login", "connections", "sees_every_row", "settings"}
    _check(bool(said.get("why")) and "login" in said and set(said) <= known, f"{name}: why, login, or a word too many")
    return Role(
        name=name,
        can_log_in=said["login"],
        connections=said.get("connections", -1),
        sees_every_row=said.get("sees_every_row", False),
        settings={**everybody, **said.get("settings", {})} if said["login"] else {},
    )


def _object(said: dict[str, Any]) -> Object:
    kind, names = said.get("is", ""), tuple(said.get("names", ()))
    where = ", ".join(names) or kind
    _check(kind in WORDS, f"{where}: it is none of {', '.join(WORDS)}")
    _check(bool(names) != (kind in (DATABASE, *MADE_BY_RELEASES)), f"{where}: names are missing, or too many")
    _check(bool(said.get("holds")), f"{where}: nobody can tell what it holds")
    others = {name: value for name, value in said.items() if name not in _ABOUT}
    _check(set(others) <= set(ROLES), f"{where}: {sorted(set(others) - set(ROLES))} are no roles")
    return Object(
        kind=kind,
        names=names,
        rows_are_guarded=said.get("rows_are_guarded", False),
        owner=said.get("owner", OWNER),
        lines=tuple(_lines(kind, where, others)),
    )


_ABOUT = frozenset({"is", "names", "holds", "rows_are_guarded", "owner"})


def _lines(kind: str, where: str, by_role: dict[str, Any]) -> Iterator[Line]:
    for role, said in by_role.items():
        for line in said if isinstance(said, list) else [said]:
            _check(
                bool(line.get("why")) and set(line) <= {"may", "of", "only_if", "why"}, f"{where}, {role}: no reason"
            )
            _check(set(line["may"]) <= WORDS[kind], f"{where}, {role}: a {kind} has no such rights")
            condition = line.get("only_if", "")
            _check(condition in ("", NAMED_AND_IN_DATE) and (not condition or kind == RELEASED), f"{where}: only_if")
            yield Line(role=role, may=tuple(line["may"]), columns=tuple(line.get("of", ())), only_if=condition)


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise PolicyRefused(f"policy/{FILE}: {what}. Correct the file; nothing was changed.")
