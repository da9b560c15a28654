"""The codes that say what an entry is: the code columns of a codeable concept, and what was wrong with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from source_zone.adapters.gp_connect.elements import (
    DEGRADED_ENTRY,
    MALFORMED_CODE,
    UNCODED_ENTRY,
    Element,
    a_dict,
    code_text,
    dicts,
    extensions,
    five_byte_form,
    keep,
)
from source_zone.adapters.gp_connect.policy import FieldPolicy


@dataclass(frozen=True, slots=True)
class Coded:
    """The code columns of a codeable concept, the rule it breaks if any, and which codings had to be left."""

    columns: dict[str, str] = field(repr=False)
    fault: str | None = None
    left: tuple[str, ...] = field(default=(), repr=False)


def codes(concept: object, policy: FieldPolicy, *, snomed_column: str = "snomed_concept_id") -> Coded:
    """Concepts written alike are one object, so the same question comes often."""
    known = policy.answers.get((id(concept), snomed_column)) or keep(
        policy, concept, snomed_column, _codes(concept, policy, snomed_column)
    )
    coded: Coded = known[1]
    return coded


def _codes(concept: object, policy: FieldPolicy, snomed_column: str) -> Coded:
    """The first coding of each system counts, and a further one is left. A supplier's own code that is malformed costs

    only itself, as long as another code says what the entry is; a malformed national code is a fault of the entry.
    """
    found: dict[str, str] = {}
    left: list[str] = []
    malformed: set[str] = set()
    for coding in dicts(a_dict(concept).get("coding")):
        system = _column_of(coding.get("system"), policy)
        if system == "nothing" or coding.get("code") is None:
            continue
        code, column = code_text(coding["code"]), snomed_column if system == "snomed_concept_id" else system
        if not policy.code.fullmatch(code):
            malformed.add(system)
            left.append("malformed_supplier_code")
        elif column in found:
            left.append("further_code_of_the_same_system")
        else:
            found[column] = _in_our_shape(column, code)
            found |= _description(coding, policy) if system == "snomed_concept_id" else {}
    if malformed and (not found or malformed != {"local_code"}):
        return Coded(found, MALFORMED_CODE)
    return Coded(found, _says_nothing(found, policy), tuple(left))


def _says_nothing(found: Mapping[str, str], policy: FieldPolicy) -> str | None:
    """Where another system still says what was meant, the entry is as good as any."""
    if not found:
        return UNCODED_ENTRY
    meant = {code for column, code in found.items() if column != "snomed_description_id"}
    return DEGRADED_ENTRY if meant <= policy.degraded_codes else None


def _column_of(written: object, policy: FieldPolicy) -> str:
    """Spelt as policy spells it: a slash or an s too many must not make a dissent unknown."""
    if isinstance(written, str) and written in policy.code_systems:
        return policy.code_systems[written]
    system = str(written).strip().rstrip("/")
    system = f"http:{system.removeprefix('https:')}" if system.startswith("https:") else system
    return policy.code_systems.get(system, "local_code")


def _in_our_shape(column: str, code: str) -> str:
    """Read codes are five characters, padded with dots; two more name a synonym, and rules are written without them."""
    if column == "read_v2_code":
        return five_byte_form(code)
    return code.ljust(5, ".") if column == "ctv3_code" else code


def _description(coding: Element, policy: FieldPolicy) -> dict[str, str]:
    for extension in extensions(coding, "coding-sctdescid"):
        for part in extensions(extension, "descriptionId"):
            description = code_text(part.get("valueId") or part.get("valueString"))
            if policy.code.fullmatch(description):
                return {"snomed_description_id": description}
    return {}
