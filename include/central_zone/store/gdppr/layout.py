"""What the layout is laid over, and what it cannot do without."""

from collections.abc import Mapping
from dataclasses import dataclass

NAME = "gdppr"
# A recall is something that ought to be done, an appointment has no code: neither is an entry of GDPPR.
ENTRIES = ("encounter", "observation", "immunisation", "allergy", "medication", "referral", "problem")
# What cannot be told without these: whose entry it is, whether another row tells of it too, and whether it is so at all.
NEEDED: dict[str, frozenset[str]] = {
    "patient": frozenset({"registration_token"}),
    **{table: frozenset({"record_token", "registration_token", "snomed_concept_id"}) for table in ENTRIES},
    "immunisation": frozenset({"record_token", "registration_token", "snomed_concept_id", "status"}),
    "allergy": frozenset({"record_token", "registration_token", "snomed_concept_id", "status"}),
    "problem": frozenset({"record_token", "registration_token", "snomed_concept_id", "status"}),
    "medication": frozenset({"record_token", "registration_token", "dmd_code", "intent", "prescription_type"}),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read: a table, a view or a query, and which canonical columns it has. Others are NULL in the layout."""

    relation: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What the layout is laid over. All of it is SQL of ours; no value comes from outside."""

    sources: Mapping[str, Source]  # by canonical table
    key: tuple[str, ...]  # columns that say whose entry it is, in every source
    processed: str  # when the extract was processed
    delivered: str  # when this delivery was made


def or_null(source: Source, alias: str, column: str, type_: str) -> str:
    return f"{alias}.{column}" if column in source.columns else f"NULL::{type_}"
