"""What policy/fields/gpdpr_xml.toml says, as a frozen type: which attributes are known, which are read, and whose words are whose."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossing.policy import Policy, PolicyRefused
from source_zone.adapters.gpdpr_xml.layout import CHILDREN, ROWS
from source_zone.adapters.gpdpr_xml.snapshot import CAN_HAVE_A_PROBLEM, OF_PROBLEM

FILE = "fields/gpdpr_xml.toml"
CONSENT_LIST = "codelists/type_one_opt_out.csv"
_ACTIONS = frozenset({"keep", "token", "generalise", "decide", "drop"})
_ELEMENTS = (*CHILDREN, *ROWS.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The closed list of one version of the schema."""

    known: Mapping[str, frozenset[str]]  # element or table -> its attributes
    read: Mapping[str, tuple[str, ...]]  # table -> the attributes that are read
    words: Mapping[str, Mapping[str, str]] = field(repr=False)  # column -> a supplier's word -> ours
    marks: Mapping[str, tuple[str, ...]]  # test_patient, confidential -> words of source_registration_type
    withdrawal_codes: frozenset[str]


def read_fields(policy: Policy) -> Fields:
    """Raises PolicyRefused where the file lacks a part, or a line lacks its action or reason."""
    content = policy.table(FILE)
    try:
        return _fields(content, policy)
    except (KeyError, TypeError, AttributeError):
        raise PolicyRefused(
            f"policy/{FILE}: a part is missing or has another shape. Restore the reviewed version."
        ) from None


def _fields(content: dict[str, Any], policy: Policy) -> Fields:
    unknown = content.keys() - {*_ELEMENTS, "marks", "words"}
    if unknown:
        raise PolicyRefused(
            f"policy/{FILE}: {len(unknown)} of its tables are no element of the schema. Correct the file."
        )
    for element in _ELEMENTS:
        _check_lines(element, content[element])
    return Fields(
        known={element: frozenset(content[element]) for element in _ELEMENTS},
        read={table: _read(table, content[table]) for table in ROWS.values()},
        words={column: dict(ours) for column, ours in content["words"].items()},
        marks={mark: tuple(words) for mark, words in content["marks"].items()},
        withdrawal_codes=frozenset(row["code"] for row in policy.rows(CONSENT_LIST) if row["meaning"] == "withdrawal"),
    )


def _read(table: str, lines: dict[str, dict[str, str]]) -> tuple[str, ...]:
    own = (OF_PROBLEM,) if table in CAN_HAVE_A_PROBLEM else ()
    return (*(name for name, line in lines.items() if line["action"] != "drop"), *own)


def _check_lines(element: str, lines: dict[str, dict[str, str]]) -> None:
    for name, line in lines.items():
        crosses = line["action"] not in ("drop", "decide")
        if line["action"] not in _ACTIONS or not line["why"] or crosses != ("to" in line):
            raise PolicyRefused(
                f"policy/{FILE}: {element}.{name} needs an action, a reason, and `to` where it crosses."
            )
