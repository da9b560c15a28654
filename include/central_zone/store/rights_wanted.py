"""What policy/store_rights.toml makes of the objects that a store has: whose each is, who may do what, which rows are guarded."""

from collections.abc import Iterable, Iterator

from central_zone.store.rights_file import Object, Rights
from central_zone.store.rights_found import PARTITION, Found, Grant
from central_zone.store.role_names import OWNER


def owner_of(rights: Rights, found: Found) -> str:
    decided = rights.find(found.kind, found.name)
    return decided.owner if decided else OWNER


def grants_wanted(rights: Rights, objects: Iterable[Found]) -> set[Grant]:
    """Beside what an owner may do with what is theirs."""
    return {
        grant
        for found in objects
        if (decided := rights.find(found.kind, found.name))
        for grant in grants_of(decided, found)
    }


def grants_of(decided: Object, found: Found) -> Iterator[Grant]:
    for line in decided.lines:
        if line.role != decided.owner:
            for word in line.may:
                for column in line.columns or ("",):
                    yield Grant(kind=found.kind, name=found.name, column=column, role=line.role, right=word)


def must_be_guarded(rights: Rights, found: Found) -> bool:
    """A partition is reached through its table; whoever reaches for it itself gets nothing."""
    decided = rights.find(found.kind, found.name)
    return found.kind == PARTITION or bool(decided and decided.rows_are_guarded)
