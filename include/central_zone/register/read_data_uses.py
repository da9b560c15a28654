"""Reads policy/data_uses/: HDR UK's 31 fields of a data use, and what we publish beside them. Refuses half an entry."""

import re
from datetime import date
from typing import Any

from central_zone.register import five_safes, national_decision
from central_zone.register.check_data_uses import check_fields_agree, check_one_treatment
from central_zone.register.data_use import FIELDS, DataUse
from central_zone.register.five_safes import FiveSafes
from central_zone.register.national_decision import NationalDecision
from crossing.policy import Policy, PolicyRefused

_CLOSED = {
    "organisation_sector": {
        "Academic Institute",
        "CQC Registered Health or/and Social Care provider",
        "Independent Sector Organisation",
        "Government Agency (Health and Adult Social Care)",
        "Commercial",
        "Local authority",
        "Government Agency (Other)",
        "Other",
    },
    "accredited_researcher_status": {"Yes", "No", "Unknown"},
    "sublicence_arrangements": {"Yes", "No"},
    "request_category_type": {
        "Efficacy & Mechanism Evaluation",
        "Health Services & Delivery",
        "Health Technology Assessment",
        "Public Health Research",
        "Other",
    },
    "data_sensitivity_level": {"Personally Identifiable", "De-Personalised", "Anonymous"},
    "duty_of_confidentiality": {"Not applicable", "Consent", "Section 251 NHS Act 2006", "Other"},
    "national_data_optout": {"Yes", "No", "Not applicable"},
    "request_frequency": {"One-off", "Recurring"},
    "access_type": {"TRE", "Release"},
}
# HDR UK's minimum, and what the public must never miss: on what legal ground, and whether opt-outs were upheld.
_NEVER_EMPTY = (
    "organisation_name",
    "project_title",
    "lay_summary",
    "public_benefit_statement",
    "latest_approval_date",
    "non_gateway_datasets",
    "access_type",
    "legal_basis_for_data_article6",
    "legal_basis_for_data_article9",
    "duty_of_confidentiality",
    "national_data_optout",
)
_LONGEST_LAY_SUMMARY = 3000
_BESIDE = frozenset({"kind", "collection", "status", "opt_outs_in_words"})
_ONLY_OF_COLLECTIONS = frozenset({"collected", "never_collected"})  # lists, in words that anybody understands
_ONLY_OF_DATA_USES = frozenset({*five_safes.KEYS, "national_data_opt_out"})  # what a release is held to
_KINDS = frozenset({"collection", "data_use"})
# A released table is named <data use>__<table>, and PostgreSQL would cut a long name short.
_MAY_BE_AN_ID = re.compile(r"(?!.*__)[a-z][a-z0-9_]{0,39}")
_FIELD_23 = "national_data_optout"


def read_data_uses(policy: Policy) -> tuple[DataUse, ...]:
    """Every entry, by file name. Raises PolicyRefused for one that is half filled in, or at odds with another."""
    names = sorted(path.stem for path in (policy.folder / "data_uses").glob("*.toml"))
    uses = tuple(_data_use(name, policy.table(f"data_uses/{name}.toml"), policy) for name in names)
    check_one_treatment(uses)
    return uses


def _data_use(name: str, content: dict[str, Any], policy: Policy) -> DataUse:
    is_collection = content.get("kind") == "collection"
    _check_keys(name, content, is_collection=is_collection)
    safes, opt_out = (None, None) if is_collection else _what_a_release_is_held_to(name, content, policy)
    said = {**content, _FIELD_23: opt_out.field_23} if opt_out else content
    beside = {key: _as_text(said[key]) for key in _BESIDE}
    fields = {key: _as_text(said[key]) for key in FIELDS}
    _check_filled_in(name, {**fields, **beside})
    use = DataUse(
        id=name,
        kind=beside["kind"],
        collection=beside["collection"],
        status=beside["status"],
        opt_outs_in_words=beside["opt_outs_in_words"],
        fields=fields,
        collected=tuple(content.get("collected", ())),
        never_collected=tuple(content.get("never_collected", ())),
        safes=safes,
        opt_out=opt_out,
    )
    check_fields_agree(use, policy)
    return use


def _check_keys(name: str, content: dict[str, Any], *, is_collection: bool) -> None:
    """Field 23 is a data use's decision, and so is not written a second time."""
    fields = {*FIELDS} if is_collection else {*FIELDS} - {_FIELD_23}
    known = fields | _BESIDE | (_ONLY_OF_COLLECTIONS if is_collection else _ONLY_OF_DATA_USES)
    missing, unknown = sorted(known - set(content)), sorted(set(content) - known)
    if missing or unknown:
        raise PolicyRefused(
            f"policy/data_uses/{name}.toml: missing {missing}, unknown {unknown}. Fill in all 31 fields, and what a "
            f"release is held to. {_FIELD_23} of a data use follows from [national_data_opt_out]."
        )


def _what_a_release_is_held_to(
    name: str, content: dict[str, Any], policy: Policy
) -> tuple[FiveSafes, NationalDecision]:
    where = f"policy/data_uses/{name}.toml"
    if not _MAY_BE_AN_ID.fullmatch(name):
        raise PolicyRefused(f"{where}: name the file in at most 40 small letters, digits and single underscores.")
    safes = five_safes.read_five_safes(content, policy, where)
    said = content["national_data_opt_out"]
    return safes, national_decision.read_decision(said, gateway=safes.legal_gateway, policy=policy, where=where)


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return value.isoformat() if isinstance(value, date) else str(value).strip()


def _check_filled_in(name: str, texts: dict[str, str]) -> None:
    empty = [key for key in (*_NEVER_EMPTY, *sorted(_BESIDE)) if not texts[key]]
    off_list = [key for key, words in _CLOSED.items() if texts[key] not in words]
    off_list += ["kind"] if texts["kind"] not in _KINDS else []
    if empty or off_list:
        raise PolicyRefused(
            f"policy/data_uses/{name}.toml: empty {empty}, not one of HDR UK's words {off_list}. Correct it."
        )
    if len(texts["lay_summary"]) > _LONGEST_LAY_SUMMARY:
        raise PolicyRefused(
            f"policy/data_uses/{name}.toml: the lay summary is longer than {_LONGEST_LAY_SUMMARY} characters."
        )
