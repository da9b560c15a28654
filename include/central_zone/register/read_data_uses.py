"""Reads policy/data_uses/: HDR UK's 31 fields of a data use, and what we publish beside them. Refuses half an entry."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from crossing.policy import Policy, PolicyRefused

# HDR UK's data use template: its headings, in its order, and the Gateway's names of the same fields.
FIELDS: dict[str, str] = {
    "project_id_text": "Project ID",
    "organisation_name": "Organisation name",
    "organisation_id": "Organisation ID",
    "organisation_sector": "Organisation sector",
    "non_gateway_applicants": "Applicant name(s)",
    "applicant_id": "Applicant ID",
    "funders_and_sponsors": "Funders/ Sponsors",
    "accredited_researcher_status": "DEA accredited researcher?",
    "sublicence_arrangements": "Sub-licence arrangements (if any)?",
    "project_title": "Project title",
    "lay_summary": "Lay summary",
    "public_benefit_statement": "Public benefit statement",
    "request_category_type": "Request category type",
    "technical_summary": "Technical summary",
    "other_approval_committees": "Other approval committees",
    "project_start_date": "Project start date",
    "project_end_date": "Project end date",
    "latest_approval_date": "Latest approval date",
    "non_gateway_datasets": "Dataset(s) name",
    "data_sensitivity_level": "Data sensitivity level",
    "legal_basis_for_data_article6": "Legal basis for provision of data under Article 6",
    "legal_basis_for_data_article9": "Lawful conditions for provision of data under Article 9",
    "duty_of_confidentiality": "Common Law Duty of Confidentiality",
    "national_data_optout": "National data opt-out applied?",
    "request_frequency": "Request frequency",
    "dataset_linkage_description": "For linked datasets, specify how the linkage will take place",
    "confidential_data_description": "Description of the confidential data being used",
    "access_date": "Release/Access date",
    "access_type": "Access type",
    "privacy_enhancements": "How has data been processed to enhance privacy?",
    "non_gateway_outputs": "Link to research outputs",
}
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
_KINDS = frozenset({"collection", "data_use"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUse:
    """One entry: the 31 fields as text, and what stands beside them."""

    id: str  # the file's name
    kind: str
    collection: str
    status: str
    opt_outs_in_words: str
    fields: dict[str, str]
    collected: tuple[str, ...] = ()
    never_collected: tuple[str, ...] = ()


def read_data_uses(policy: Policy) -> tuple[DataUse, ...]:
    """Every entry, by file name. Raises PolicyRefused for one that is half filled in, or at odds with another."""
    names = sorted(path.stem for path in (policy.folder / "data_uses").glob("*.toml"))
    uses = tuple(_data_use(name, policy.table(f"data_uses/{name}.toml")) for name in names)
    _check_one_treatment_of_opt_outs(uses)
    return uses


def _data_use(name: str, content: dict[str, Any]) -> DataUse:
    of_its_kind = _ONLY_OF_COLLECTIONS if content.get("kind") == "collection" else frozenset()
    known = {*FIELDS, *_BESIDE, *of_its_kind}
    missing, unknown = sorted(known - set(content)), sorted(set(content) - known)
    if missing or unknown:
        raise PolicyRefused(
            f"policy/data_uses/{name}.toml: missing {missing}, unknown {unknown}. Fill in all 31 fields."
        )
    beside = {key: _as_text(content[key]) for key in _BESIDE}
    fields = {key: _as_text(content[key]) for key in FIELDS}
    _check_filled_in(name, {**fields, **beside})
    return DataUse(
        id=name,
        kind=beside["kind"],
        collection=beside["collection"],
        status=beside["status"],
        opt_outs_in_words=beside["opt_outs_in_words"],
        fields=fields,
        collected=tuple(content.get("collected", ())),
        never_collected=tuple(content.get("never_collected", ())),
    )


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


def _check_one_treatment_of_opt_outs(uses: tuple[DataUse, ...]) -> None:
    """The same data to the same organisation, once with opt-outs and once without, would make the opt-out worthless."""
    treatments: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for use in uses:
        recipient = (use.fields["organisation_name"], use.fields["non_gateway_datasets"])
        treatments[recipient].add(use.fields["national_data_optout"])
    clashes = sum(1 for answers in treatments.values() if len(answers) > 1)
    if clashes:
        raise PolicyRefused(
            f"policy/data_uses: {clashes} organisation(s) would get the same data both with and without opt-outs applied. "
            "Decide on one treatment for each organisation and dataset."
        )
