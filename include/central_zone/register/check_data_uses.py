"""What no data use may say: something its own ground denies, or what another use of the same records denies."""

from collections.abc import Sequence
from datetime import date
from itertools import combinations

from central_zone.register.data_use import DataUse
from central_zone.register.national_decision import ANONYMISED, POLICY_FILE
from crossing.policy import Policy, PolicyRefused

NOT_APPLICABLE = "Not applicable"
_LEGAL_FIELDS = ("legal_basis_for_data_article6", "legal_basis_for_data_article9")


def check_fields_agree(use: DataUse, policy: Policy) -> None:
    """Raises PolicyRefused where the 31 fields and what a release is held to tell two stories."""
    if use.safes is None or use.opt_out is None:
        return
    gateway = policy.table(POLICY_FILE)["gateways"][use.safes.legal_gateway]
    names = {person.name for person in use.safes.people}
    faults = [
        *(["duty_of_confidentiality"] if use.fields["duty_of_confidentiality"] not in gateway["duty"] else []),
        *(
            ["data_sensitivity_level"]
            if use.opt_out.reason == ANONYMISED and use.fields["data_sensitivity_level"] != "Anonymous"
            else []
        ),
        *(["access_type"] if use.fields["access_type"] != "TRE" else []),  # into the secure environment, never a file
        *(["non_gateway_applicants"] if names != set(use.fields["non_gateway_applicants"].split(", ")) else []),
        *([] if use.safes.is_synthetic else [name for name in _LEGAL_FIELDS if use.fields[name] == NOT_APPLICABLE]),
    ]
    if faults:
        raise PolicyRefused(
            f"policy/data_uses/{use.id}.toml: {faults} do not agree with the legal gateway, the people named, the "
            "setting or the decision on the opt-out. Say one thing."
        )


def check_one_treatment(uses: Sequence[DataUse]) -> None:
    """The same records to the same organisation, once with opt-outs and once without, would make the opt-out worthless."""
    deciding = [use for use in uses if use.opt_out and use.safes]
    clashes = [
        f"{one.id} and {other.id}"
        for one, other in combinations(deciding, 2)
        if _treatment(one) != _treatment(other) and _same_records(one, other) and _same_days(one, other)
    ]
    if clashes:
        raise PolicyRefused(
            f"policy/data_uses: {', '.join(clashes)}: one organisation would get the same records both with and without "
            "opt-outs applied. Decide on one treatment for each organisation, dataset and period."
        )


def _treatment(use: DataUse) -> tuple[str, str | None] | None:
    return (use.opt_out.decision, use.opt_out.reason) if use.opt_out else None


def _same_records(one: DataUse, other: DataUse) -> bool:
    if not one.safes or not other.safes or one.collection != other.collection:
        return False
    return _organisation(one) == _organisation(other) and bool(set(one.safes.tables) & set(other.safes.tables))


def _organisation(use: DataUse) -> str:
    return " ".join(use.fields["organisation_name"].casefold().split())


def _same_days(one: DataUse, other: DataUse) -> bool:
    def last(use: DataUse) -> str:
        return use.fields["project_end_date"] or date.max.isoformat()

    def first(use: DataUse) -> str:
        return use.fields["project_start_date"] or date.min.isoformat()

    return first(one) <= last(other) and first(other) <= last(one)
