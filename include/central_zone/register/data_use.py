"""A data use, as the register and the release know it: HDR UK's 31 fields, and what stands beside them."""

from dataclasses import dataclass

from central_zone.register.five_safes import FiveSafes
from central_zone.register.national_decision import NationalDecision

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
    safes: FiveSafes | None = None  # of a data use; a collection gives nothing to anybody
    opt_out: NationalDecision | None = None
