"""Proves on a running deployment that a zone's keys are where they should be, and nowhere else.

Every place has a positive control: something planted there that must be found, or the place counts as not looked at.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from key_custody.whereabouts.deployment import Deployment
from key_custody.whereabouts.environment import look_at_memory, look_at_settings
from key_custody.whereabouts.key_files import look_at_files
from key_custody.whereabouts.metadata_access import MetadataAccess
from key_custody.whereabouts.needles import all_needles
from key_custody.whereabouts.search_places import search_metadata, search_places
from key_custody.whereabouts.verdict import Verdict, agreed


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What whoever calls the doctor adds: folders beside the zone's own, and what need not be looked at."""

    metadata: MetadataAccess | None = None
    also: Collection[Path] = ()
    without: Collection[str] = field(default_factory=frozenset)


def examine(deployment: Deployment, asked: Asked) -> list[Verdict]:
    """Everything that is to be said, wrong or right. No error of a place ends it; each is a verdict."""
    needles, said = all_needles(deployment)
    said = [*look_at_files(deployment), *said, *deployment.checks(), *look_at_settings(deployment.pids)]
    said += look_at_memory(deployment.pids)
    if needles:
        folders = dict(deployment.folders) | {f"also {path}": path for path in asked.also}
        said += search_places(needles, folders, deployment.keys, deployment.pids)
        said += search_metadata(needles, asked.metadata)
    return agreed(said, asked.without)
