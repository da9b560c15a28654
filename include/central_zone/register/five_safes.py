"""The Five Safes of a data use, as far as its file can say them: people, project, data, setting, outputs.

Here they are read, and what is missing is refused; whether they hold on the day of a release is `check_five_safes`.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from central_zone.register.national_decision import POLICY_FILE
from central_zone.register.released_layout import beside_the_record, check_layout, known_layout
from central_zone.register.strict_tables import strictly
from crossing.canonical import TABLES
from crossing.policy import Policy, PolicyRefused

SECURE_ENVIRONMENT = "secure environment"
SMALL_NUMBERS = "7 or fewer not shown, others rounded to 5"
SYNTHETIC = "synthetic_demonstration"
KEYS = ("safe_people", "safe_project", "safe_data", "safe_setting", "safe_outputs")
# Every released row has the person's token, so nobody lists it; and the tombstone's flag says nothing in a current view.
_NOT_TO_BE_LISTED = frozenset({"patient_token", "is_deleted"})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may work with the release."""

    name: str
    organisation: str
    accreditation: str
    accredited_until: date
    login: str  # their own in the store; see central_zone.analysts


@dataclass(frozen=True, slots=True)
class Contract:
    reference: str
    signed_on: date
    until: date


@dataclass(frozen=True, slots=True)
class Review:
    """Somebody independent said that the use is proper."""

    reference: str
    by: str
    on: date


@dataclass(frozen=True, slots=True)
class _Project:
    legal_gateway: str
    contract: dict[str, Any]
    independent_review: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Data:
    project_key_version: int
    smallest_cohort: int
    layout: str
    tables: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Setting:
    environment: str


@dataclass(frozen=True, slots=True)
class _Outputs:
    disclosure_control: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FiveSafes:
    """What may be released to whom, on which ground, and where."""

    people: tuple[Person, ...]
    legal_gateway: str
    contract: Contract
    review: Review
    tables: dict[str, tuple[str, ...]]  # canonical table -> columns, beside the person's token
    layout: str  # one of released_layout.LAYOUTS
    smallest_cohort: int
    project_key_version: int

    @property
    def is_synthetic(self) -> bool:
        return self.legal_gateway == SYNTHETIC


def read_five_safes(content: dict[str, Any], policy: Policy, where: str) -> FiveSafes:
    """Raises PolicyRefused for what is missing, unknown or empty."""
    project = strictly(_Project, content["safe_project"], f"{where} [safe_project]")
    data = strictly(_Data, content["safe_data"], f"{where} [safe_data]")
    _check_words(content, project, data, policy, where)
    layout = known_layout(data.layout, where)
    tables = {table: _columns(table, columns, layout, where) for table, columns in data.tables.items()}
    check_layout(layout, tables, where)
    return FiveSafes(
        people=_people(content["safe_people"], where),
        legal_gateway=project.legal_gateway,
        contract=strictly(Contract, project.contract, f"{where} contract"),
        review=strictly(Review, project.independent_review, f"{where} independent_review"),
        tables=tables,
        layout=layout,
        smallest_cohort=data.smallest_cohort,
        project_key_version=data.project_key_version,
    )


def _check_words(content: dict[str, Any], project: _Project, data: _Data, policy: Policy, where: str) -> None:
    rules = policy.table(POLICY_FILE)
    if project.legal_gateway not in rules["gateways"]:
        raise PolicyRefused(f"{where}: the legal gateway is not one of {sorted(rules['gateways'])}.")
    fewest = rules["limits"]["smallest_cohort"]["value"]
    if data.smallest_cohort < fewest:
        raise PolicyRefused(f"{where}: smallest_cohort is below the {fewest} of policy/{POLICY_FILE}.")
    if strictly(_Setting, content["safe_setting"], f"{where} [safe_setting]").environment != SECURE_ENVIRONMENT:
        raise PolicyRefused(f'{where}: the only setting there is is "{SECURE_ENVIRONMENT}". No file ever leaves.')
    if strictly(_Outputs, content["safe_outputs"], f"{where} [safe_outputs]").disclosure_control != SMALL_NUMBERS:
        raise PolicyRefused(f'{where}: outputs are controlled by one rule: "{SMALL_NUMBERS}".')


def _people(people: Any, where: str) -> tuple[Person, ...]:
    if not isinstance(people, list) or not people:
        raise PolicyRefused(f"{where}: [[safe_people]] names nobody. Name each person who may work with the release.")
    return tuple(strictly(Person, person, f"{where} [[safe_people]]") for person in people)


def _columns(table: str, columns: Any, layout: str, where: str) -> tuple[str, ...]:
    if table not in TABLES:
        raise PolicyRefused(f"{where}: there is no table {table}. Name canonical tables only.")
    known = {column.name for column in TABLES[table]} - _NOT_TO_BE_LISTED | beside_the_record(table, layout)
    listed = columns if isinstance(columns, list) else []
    strangers = [column for column in listed if column not in known]
    if not listed or strangers or len(set(listed)) != len(listed):
        raise PolicyRefused(
            f"{where}: {table} lists {len(strangers)} columns that it has not, the same one twice, or none. "
            "The person's token is always there, and need not be listed."
        )
    return tuple(listed)
