"""How the entries of one record belong together: groups and their members, problems and what is about them."""

from collections.abc import Sequence

from source_zone.adapters.gp_connect.elements import dicts, extensions, reference
from source_zone.adapters.gp_connect.entries import Entry
from source_zone.adapters.gp_connect.policy import FieldPolicy


def parents(entries: Sequence[Entry], policy: FieldPolicy) -> dict[str, str]:
    """Groups name their members, members their group, reports their results; whatever the supplier chose."""
    found: dict[str, str] = {}
    for entry in (each for each in entries if each.kind == "Observation" and "related" in each.resource):
        own = entry.name
        for related in dicts(entry.resource["related"]):
            target = reference(related.get("target"), policy)
            if target and target.startswith("Observation/") and target != own:
                if related.get("type") == "has-member":
                    found[target] = own
                elif related.get("type") == "derived-from":
                    found[own] = target
    for entry in (each for each in entries if each.kind == "DiagnosticReport"):
        for result in dicts(entry.resource.get("result")):
            found.setdefault(reference(result, policy) or "", entry.name)
    return found


def problems(entries: Sequence[Entry], policy: FieldPolicy) -> dict[str, str]:
    """The first problem of each entry that one names as being about it; not of the entry that the problem itself is."""
    found: dict[str, str] = {}
    for entry in (each for each in entries if each.kind == "Condition"):
        for extension in extensions(entry.resource, "RelatedClinicalContent"):
            found.setdefault(reference(extension.get("valueReference"), policy) or "", entry.name)
    return found
