"""Reads policy/quarantine.toml: which rows a steward may release from quarantine. Closed by default."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crossing.policy import Policy, PolicyRefused

FILE = "quarantine.toml"
_KEYS = {"releasable", "why"}


@dataclass(frozen=True, slots=True)
class Releasable:
    """The lines by table and by rule: each says yes or no, and why."""

    tables: Mapping[str, Mapping[str, Any]]
    rules: Mapping[str, Mapping[str, Any]]

    def why_not(self, table: str, rule: str) -> str | None:
        """Why rows of this table that broke this rule stay out; None where a steward may release them."""
        for line in (self.tables.get(table, {"releasable": True}), self.rules.get(rule)):
            if line is None:
                return "Nobody has decided that it may be."
            if line["releasable"] is not True:
                return str(line["why"])
        return None

    def may_release(self, table: str, rules: Iterable[str]) -> bool:
        return all(self.why_not(table, rule) is None for rule in rules)


def read_releasable(policy: Policy) -> Releasable:
    """Raises PolicyRefused for a line it does not understand."""
    content = policy.table(FILE)
    tables, rules = content.get("tables", {}), content.get("rules", {})
    unclear = [name for name, line in {**tables, **rules}.items() if not _is_clear(line)]
    if set(content) - {"tables", "rules"} or unclear:
        raise PolicyRefused(
            f"policy/{FILE} holds [tables.X] and [rules.X], each with `releasable` (true or false) and a `why`. "
            f"Correct: {', '.join(sorted(unclear)) or 'its other keys'}."
        )
    return Releasable(tables, rules)


def _is_clear(line: Any) -> bool:
    return isinstance(line, dict) and set(line) == _KEYS and isinstance(line["releasable"], bool) and bool(line["why"])
