"""Codes that policy treats apart: those the law forbids to share, and those whose number or text is itself an identifier."""

from dataclasses import dataclass

from crossing.policy import Policy, PolicyRefused
from source_zone.consent_codes import ListMissing

RESTRICTED_LIST = "codelists/legally_restricted.csv"
IDENTIFIER_LIST = "codelists/identifier_valued.csv"
# Human Fertilisation and Embryology Act 2008, and Gender Recognition Act 2004: "legally restricted" reference sets.
LEGAL_REFSETS = frozenset({"1955841000000104", "1955851000000101"})
_OFFICIAL, _STAND_IN = "official", "stand_in"
_RESTRICTED_COLUMNS = {"scheme", "code", "refset", "status", "law", "why"}
_IDENTIFIER_COLUMNS = {"scheme", "code", "what", "certainty", "why"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordCodes:
    """Codes of any scheme."""

    restricted: frozenset[str]  # the entry stays at the practice
    restricted_are_official: bool  # every line of the list, of both refsets
    identifier_valued: frozenset[str]  # the entry travels without its numbers


def read_record_codes(policy: Policy) -> RecordCodes:
    """Raises ListMissing for an empty list, PolicyRefused for a line that is not whole."""
    restricted = _lines(policy, RESTRICTED_LIST, _RESTRICTED_COLUMNS)
    identifying = _lines(policy, IDENTIFIER_LIST, _IDENTIFIER_COLUMNS)
    if any(row["refset"] not in LEGAL_REFSETS or row["status"] not in (_OFFICIAL, _STAND_IN) for row in restricted):
        raise _not_whole(RESTRICTED_LIST, {"a refset of the two legal ones", f"status {_OFFICIAL} or {_STAND_IN}"})
    present = {row["refset"] for row in restricted if row["status"] == _OFFICIAL}
    return RecordCodes(
        restricted=frozenset(row["code"] for row in restricted),
        restricted_are_official=present == LEGAL_REFSETS and all(row["status"] == _OFFICIAL for row in restricted),
        identifier_valued=frozenset(row["code"] for row in identifying),
    )


def _lines(policy: Policy, name: str, columns: set[str]) -> list[dict[str, str]]:
    rows = policy.rows(name)
    if not rows:
        raise ListMissing(f"policy/{name} has no codes. Restore the reviewed list; nothing leaves without it.")
    if any(set(row) != columns or not all(cell and cell.strip() for cell in row.values()) for row in rows):
        raise _not_whole(name, columns)
    return rows


def _not_whole(name: str, needed: set[str]) -> PolicyRefused:
    return PolicyRefused(
        f"policy/{name}: a line lacks one of {', '.join(sorted(needed))}. Correct the file with a reviewer."
    )
