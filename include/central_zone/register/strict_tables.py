"""Reads a table of a policy file into a frozen type: exactly its keys, each of its type, none of them empty."""

from dataclasses import fields
from typing import Any, TypeVar, get_origin

from crossing.policy import PolicyRefused

Read = TypeVar("Read")


def strictly(type_: type[Read], content: Any, where: str) -> Read:
    """`type_` made from `content`. Raises PolicyRefused, naming keys and never values."""
    known = {item.name: get_origin(item.type) or item.type for item in fields(type_)}  # type: ignore[arg-type]  # frozen dataclasses only
    if not isinstance(content, dict) or set(content) != set(known):
        found = set(content) if isinstance(content, dict) else set()
        raise PolicyRefused(
            f"{where}: missing {sorted(set(known) - found)}, unknown {sorted(found - set(known))}. Nothing has a default."
        )
    wrong = sorted(name for name, kind in known.items() if type(content[name]) is not kind or not content[name])
    if wrong:
        raise PolicyRefused(f"{where}: {wrong} are empty, or not of their type. Fill them in.")
    return type_(**content)
