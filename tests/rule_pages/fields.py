"""What the lists of fields in policy/fields say, counted: every field of every format is in one of five kinds."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from crossing.policy import Policy

KEEP, TOKEN, GENERALISE, DECIDE, DROP = ACTIONS = ("keep", "token", "generalise", "decide", "drop")
FORMATS = {
    "emis_csv": "EMIS, tables",
    "tpp_csv": "TPP (SystmOne), tables",
    "gpdpr_xml": "any supplier, the layout drawn up for the collection of 2021",
    "medicus_csv": "Medicus, tables",
    "fhir_r4": "any supplier, FHIR R4",
    "gp_connect": "any supplier, GP Connect",
}
_WHOLE_KINDS = ("not_collected", "left_at_source")  # tables or kinds of entry that are never opened
_NO_FIELDS = ("security_labels",)  # what marks do, not what is in a record


@dataclass(slots=True)
class Fields:
    """One format's fields: how many are in each kind, and why those that never leave do not."""

    actions: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)  # why -> fields
    whole_kinds: Counter[str] = field(default_factory=Counter)  # why -> tables or kinds of entry


def fields_of(policy: Policy, format: str) -> Fields:
    content = policy.table(f"fields/{format}.toml")
    found = Fields()
    for name, part in content.items():
        if name in _WHOLE_KINDS:
            found.whole_kinds.update(each["why"] if isinstance(each, dict) else each for each in part.values())
        elif name not in _NO_FIELDS:
            for action, why in _fields(part):
                found.actions[action] += 1
                found.dropped[why] += action == DROP
    return found


def _fields(part: Any) -> Iterator[tuple[str, str]]:
    """Each field with what is done and why, however deep it stands. `dropped` lists names by reason."""
    if not isinstance(part, dict):
        return
    if "action" in part:
        yield str(part["action"]), str(part["why"])
        return
    for name, inner in part.items():
        if name == "dropped":
            yield from ((DROP, why) for why, names in inner.items() for _ in names)
        else:
            yield from _fields(inner)
