"""The codes of objections, as policy lists them: those that are obeyed, and the retired ones, which are only counted."""

from dataclasses import dataclass
from datetime import date

from crossing.errors import PersonMustAct
from crossing.policy import Policy, PolicyRefused

DISSENT, WITHDRAWAL = "dissent", "withdrawal"
CONSENT_LIST = "codelists/type_one_opt_out.csv"
TYPE_TWO_DISSENT, TYPE_TWO_WITHDRAWAL = RETIRED = ("type_two_dissent", "type_two_withdrawal")
_COLUMNS = {"scheme", "code", "meaning", "certainty", "version", "reviewed_on", "why"}


class ListMissing(PersonMustAct):
    """A code list that a law or an objection rests on is a stand-in, or is empty."""


@dataclass(frozen=True, slots=True)
class ConsentCodes:
    """Codes of any scheme, each with what it means."""

    obeyed: dict[str, str]  # code -> dissent | withdrawal
    retired: dict[str, str]  # code -> type_two_dissent | type_two_withdrawal


def read_consent_codes(policy: Policy) -> ConsentCodes:
    """Raises ListMissing where there is no code to say no, or none to take it back; PolicyRefused for a line not whole."""
    meanings: dict[str, str] = {}
    for number, row in enumerate(policy.rows(CONSENT_LIST), 1):
        if not _is_whole(row) or meanings.setdefault(row["code"], row["meaning"]) != row["meaning"]:
            raise PolicyRefused(
                f"policy/{CONSENT_LIST}, line {number}: needs {', '.join(sorted(_COLUMNS))}, a known meaning that no other "
                "line of the code contradicts, a version and the day it was reviewed. Correct the file with a reviewer."
            )
    obeyed = {code: meaning for code, meaning in meanings.items() if meaning not in RETIRED}
    if set(obeyed.values()) != {DISSENT, WITHDRAWAL}:
        raise ListMissing(
            f"policy/{CONSENT_LIST} has no codes of one kind. Restore the reviewed list; nothing leaves without it."
        )
    return ConsentCodes(obeyed, {code: meaning for code, meaning in meanings.items() if meaning in RETIRED})


def _is_whole(row: dict[str, str]) -> bool:
    if set(row) != _COLUMNS or not all(cell and cell.strip() for cell in row.values()):
        return False
    try:
        date.fromisoformat(row["reviewed_on"])
    except ValueError:
        return False
    return row["version"].isdecimal() and row["meaning"] in (DISSENT, WITHDRAWAL, *RETIRED)
