"""What all bundles of one extract together say of the practice: needed before any single entry can be a row."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PracticeFacts:
    """Staff behind roles, entries that any bundle marks confidential, and entries that are a dissent in any."""

    practitioner_of_role: Mapping[str, str] = field(repr=False)
    confidential_ids: Set[str] = field(repr=False)
    dissent_ids: Set[str] = field(repr=False)
